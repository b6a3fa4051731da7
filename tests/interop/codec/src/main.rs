// SPDX-License-Identifier: Apache-2.0
//! Encodes and judges messages on request, with the real rkyv.
//!
//! stdin and stdout carry batches: a u32 number of bytes, then items one after the other; the reply
//! to a batch has one item for each, in order. Integers are little-endian.
//!
//! request item: op u8, type u8, base u8, zero u8, size u32, bytes
//!   E  bytes are a value: encode it                  -> archive
//!   J  bytes are an archive: judge it at `base`      -> value, or the check that failed
//!   V  bytes are a u64 seed: make a value, encode it -> value's size u32, value, archive
//!   M  bytes are a u64 seed: make a value, encode it,
//!      damage it, judge it      -> archive's size u32, base u8, archive, then as for J
//! reply item: verdict u8 (1 accepted), check u8, type u8, zero u8, size u32, bytes
//!
//! A value is its fields in declaration order: numbers as they are, texts and bytes with a u32 size
//! before them, lists with a u32 count, options with a u8 tag.

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use std::io::{self, Read, Write};

#[derive(Archive, Serialize, Deserialize)]
struct WireRequest {
    id: u64,
    op: u8,
    namespace: String,
    key: String,
    payload: Vec<u8>,
}

#[derive(Archive, Serialize, Deserialize)]
struct WireResponse {
    id: u64,
    status: u8,
    op: u8,
    payload: Vec<u8>,
    message: String,
}

#[derive(Archive, Serialize, Deserialize)]
struct LookupBlockPrefixReq {
    namespace: String,
    block_hashes_hex: Vec<String>,
}

#[derive(Archive, Serialize, Deserialize)]
struct LookupBlockPrefixResp {
    matched_count: u32,
    error: Option<String>,
}

#[derive(Archive, Serialize, Deserialize)]
struct GetKvBlocksBatchReq {
    namespace: String,
    block_hashes_hex: Vec<String>,
}

#[derive(Archive, Serialize, Deserialize)]
struct GetKvBlocksBatchResp {
    payloads: Option<Vec<Vec<u8>>>,
    error: Option<String>,
}

#[derive(Archive, Serialize, Deserialize)]
struct PutKvBlocksBatchReq {
    namespace: String,
    block_hashes_hex: Vec<String>,
    payloads: Vec<Vec<u8>>,
}

#[derive(Archive, Serialize, Deserialize)]
struct PutKvBlocksBatchResp {
    total_bytes: u64,
    error: Option<String>,
}

// ---- values as bytes, and at random ------------------------------------------------------------

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// A field: read from and written to the plain form, and made at random.
trait Plain: Sized {
    fn read(from: &mut &[u8]) -> Self;
    fn write(&self, to: &mut Vec<u8>);
    fn random(rng: &mut Rng) -> Self;
}

fn take<'a>(from: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (head, rest) = from.split_at(size);
    *from = rest;
    head
}

macro_rules! plain_number {
    ($type:ty, $size:literal) => {
        impl Plain for $type {
            fn read(from: &mut &[u8]) -> Self {
                <$type>::from_le_bytes(take(from, $size).try_into().unwrap())
            }
            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
            fn random(rng: &mut Rng) -> Self {
                match rng.below(4) {
                    0 => <$type>::MAX,
                    1 => 0,
                    _ => rng.next() as $type,
                }
            }
        }
    };
}
plain_number!(u8, 1);
plain_number!(u32, 4);
plain_number!(u64, 8);

impl Plain for String {
    fn read(from: &mut &[u8]) -> Self {
        let size = u32::read(from) as usize;
        String::from_utf8(take(from, size).to_vec()).expect("texts are UTF-8")
    }
    fn write(&self, to: &mut Vec<u8>) {
        (self.len() as u32).write(to);
        to.extend_from_slice(self.as_bytes());
    }
    fn random(rng: &mut Rng) -> Self {
        const CHARS: [char; 8] = ['a', '\0', '7', 'é', '\u{7ff}', '€', '\u{ffff}', '🐨'];
        let size = match rng.below(8) {
            0 => 0,
            1..=4 => rng.below(12),
            5 => 60 + rng.below(8),
            6 => 120 + rng.below(16),
            _ => rng.below(300),
        };
        let plain = rng.below(2) == 0;
        let mut out = String::new();
        while out.len() < size {
            out.push(if plain { 'x' } else { CHARS[rng.below(8)] });
        }
        out
    }
}

impl Plain for Vec<u8> {
    fn read(from: &mut &[u8]) -> Self {
        let size = u32::read(from) as usize;
        take(from, size).to_vec()
    }
    fn write(&self, to: &mut Vec<u8>) {
        (self.len() as u32).write(to);
        to.extend_from_slice(self);
    }
    fn random(rng: &mut Rng) -> Self {
        let size = if rng.below(8) == 0 {
            rng.below(300)
        } else {
            rng.below(20)
        };
        (0..size).map(|_| rng.next() as u8).collect()
    }
}

macro_rules! plain_list {
    ($item:ty) => {
        impl Plain for Vec<$item> {
            fn read(from: &mut &[u8]) -> Self {
                let count = u32::read(from);
                (0..count).map(|_| <$item>::read(from)).collect()
            }
            fn write(&self, to: &mut Vec<u8>) {
                (self.len() as u32).write(to);
                self.iter().for_each(|item| item.write(to));
            }
            fn random(rng: &mut Rng) -> Self {
                (0..rng.below(5)).map(|_| <$item>::random(rng)).collect()
            }
        }
    };
}
plain_list!(String);
plain_list!(Vec<u8>);

impl<T: Plain> Plain for Option<T> {
    fn read(from: &mut &[u8]) -> Self {
        (u8::read(from) == 1).then(|| T::read(from))
    }
    fn write(&self, to: &mut Vec<u8>) {
        (self.is_some() as u8).write(to);
        self.iter().for_each(|value| value.write(to));
    }
    fn random(rng: &mut Rng) -> Self {
        (rng.below(3) > 0).then(|| T::random(rng))
    }
}

macro_rules! plain_struct {
    ($name:ident { $($field:ident),* }) => {
        impl Plain for $name {
            fn read(from: &mut &[u8]) -> Self {
                $name { $($field: Plain::read(from)),* }
            }
            fn write(&self, to: &mut Vec<u8>) {
                $(self.$field.write(to);)*
            }
            fn random(rng: &mut Rng) -> Self {
                $name { $($field: Plain::random(rng)),* }
            }
        }
    };
}
plain_struct!(WireRequest {
    id,
    op,
    namespace,
    key,
    payload
});
plain_struct!(WireResponse {
    id,
    status,
    op,
    payload,
    message
});
plain_struct!(LookupBlockPrefixReq {
    namespace,
    block_hashes_hex
});
plain_struct!(LookupBlockPrefixResp {
    matched_count,
    error
});
plain_struct!(GetKvBlocksBatchReq {
    namespace,
    block_hashes_hex
});
plain_struct!(GetKvBlocksBatchResp { payloads, error });
plain_struct!(PutKvBlocksBatchReq {
    namespace,
    block_hashes_hex,
    payloads
});
plain_struct!(PutKvBlocksBatchResp { total_bytes, error });

// ---- archives ----------------------------------------------------------------------------------

trait Message: Plain {
    fn encode(&self) -> Vec<u8>;
    fn decode(archive: &[u8]) -> Result<Self, BoxedError>;
}

impl<T> Message for T
where
    T: Plain + Archive + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, BoxedError>>,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, BoxedError>>
        + Deserialize<T, HighDeserializer<BoxedError>>,
{
    fn encode(&self) -> Vec<u8> {
        rkyv::to_bytes::<BoxedError>(self)
            .expect("small values encode")
            .to_vec()
    }
    fn decode(archive: &[u8]) -> Result<Self, BoxedError> {
        rkyv::from_bytes::<T, BoxedError>(archive)
    }
}

/// Which check failed, by the innermost cause's text; 0 for a text that is none of these.
fn check_of(error: &BoxedError) -> u8 {
    let text = error.to_string();
    let checks = [
        ("subtree pointer overran range", 1),
        ("pointer out of bounds", 1),
        ("buffer too small", 1),
        ("unaligned pointer", 2),
        ("unaligned", 2),
        ("out-of-line", 3),
        ("utf-8", 4),
        ("tag", 5),
        ("discriminant", 5),
    ];
    let found = checks
        .iter()
        .find(|(part, _)| text.to_lowercase().contains(part));
    if found.is_none() {
        eprintln!("judge: unknown error text: {text}");
    }
    found.map_or(0, |(_, check)| *check)
}

/// The reply to a judgement: verdict, check, and the value if there is one.
fn judge<T: Message>(archive: &[u8], base: usize, out: &mut Vec<u8>) -> (u8, u8) {
    let mut room: AlignedVec<16> = AlignedVec::with_capacity(base + archive.len());
    room.resize(base, 0);
    room.extend_from_slice(archive);
    match T::decode(&room[base..]) {
        Ok(value) => {
            value.write(out);
            (1, 0)
        }
        Err(error) => (0, check_of(&error)),
    }
}

/// Up to eight bytes; mostly eight, which leaves everything aligned.
fn few(rng: &mut Rng) -> usize {
    if rng.below(4) > 0 {
        8
    } else {
        rng.below(9)
    }
}

/// A few changes, aimed at what an archive is made of: words that are offsets and sizes, tags, the
/// first bytes of texts, and where things begin and end.
fn damage(archive: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(3) {
        let size = archive.len();
        if size < 8 {
            archive.push(rng.next() as u8);
            continue;
        }
        let word = rng.below(size / 4) * 4;
        match rng.below(9) {
            0 => archive[rng.below(size)] = rng.next() as u8,
            1 => archive[rng.below(size)] ^= 1 << rng.below(8),
            2 | 3 => {
                let old = u32::from_le_bytes(archive[word..word + 4].try_into().unwrap());
                let new = old.wrapping_add(rng.below(33) as u32).wrapping_sub(16);
                archive[word..word + 4].copy_from_slice(&new.to_le_bytes());
            }
            4 => {
                const WORDS: [u32; 8] = [0, 1, 8, 0x80, 0x88, 0x89, 0x7fff_ffff, 0xffff_ffff];
                archive[word..word + 4].copy_from_slice(&WORDS[rng.below(8)].to_le_bytes());
            }
            5 => archive.truncate(size - few(rng)),
            6 => drop(archive.drain(..few(rng))),
            7 => {
                let at = rng.below(size + 1);
                let extra = vec![rng.next() as u8; few(rng)];
                archive.splice(at..at, extra);
            }
            _ => {
                let other = rng.below(size / 4) * 4;
                for i in 0..4 {
                    archive.swap(word + i, other + i);
                }
            }
        }
    }
}

// ---- requests ----------------------------------------------------------------------------------

fn answer<T: Message>(op: u8, base: u8, bytes: &[u8], out: &mut Vec<u8>) -> (u8, u8) {
    match op {
        b'E' => {
            let mut rest = bytes;
            out.extend_from_slice(&T::read(&mut rest).encode());
            assert!(rest.is_empty(), "value and type agree");
            (1, 0)
        }
        b'J' => judge::<T>(bytes, base as usize, out),
        b'V' => {
            let mut rng = Rng(u64::from_le_bytes(bytes.try_into().unwrap()));
            let value = T::random(&mut rng);
            let mut plain = Vec::new();
            value.write(&mut plain);
            plain.write(out);
            out.extend_from_slice(&value.encode());
            (1, 0)
        }
        b'M' => {
            let mut rng = Rng(u64::from_le_bytes(bytes.try_into().unwrap()));
            let mut archive = T::random(&mut rng).encode();
            damage(&mut archive, &mut rng);
            let base = if rng.below(8) == 0 { rng.below(16) } else { 0 };
            (archive.len() as u32).write(out);
            out.push(base as u8);
            out.extend_from_slice(&archive);
            judge::<T>(&archive, base, out)
        }
        _ => panic!("unknown request {op}"),
    }
}

fn answer_item(head: &[u8], bytes: &[u8], replies: &mut Vec<u8>) {
    let answer = match head[1] {
        0 => answer::<WireRequest>,
        1 => answer::<WireResponse>,
        2 => answer::<LookupBlockPrefixReq>,
        3 => answer::<LookupBlockPrefixResp>,
        4 => answer::<GetKvBlocksBatchReq>,
        5 => answer::<GetKvBlocksBatchResp>,
        6 => answer::<PutKvBlocksBatchReq>,
        7 => answer::<PutKvBlocksBatchResp>,
        other => panic!("unknown type {other}"),
    };
    let mut out = Vec::new();
    let (verdict, check) = answer(head[0], head[2], bytes, &mut out);
    replies.extend_from_slice(&[verdict, check, head[1], 0]);
    out.write(replies);
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    loop {
        let mut size = [0; 4];
        match input.read_exact(&mut size) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            done => done?,
        }
        let mut batch = vec![0; u32::from_le_bytes(size) as usize];
        input.read_exact(&mut batch)?;
        let mut rest = &batch[..];
        let mut replies = Vec::new();
        while !rest.is_empty() {
            let head = take(&mut rest, 4);
            let bytes = Vec::<u8>::read(&mut rest);
            answer_item(head, &bytes, &mut replies);
        }
        output.write_all(&(replies.len() as u32).to_le_bytes())?;
        output.write_all(&replies)?;
        output.flush()?;
    }
}
