// SPDX-License-Identifier: Apache-2.0
//! Drives the clients of the reference, for `make interop`: one command a line on standard input,
//! one line of answer on standard output.
//!
//!     wombatkv-peer tcp|http|shm ADDRESS SALT
//!
//! What is sent follows from the command, so that the two ends of an exchange agree without
//! carrying bytes around: the hash of block `i` of LABEL is BLAKE3 of "SALT LABEL i"; its payload
//! is made from that hash (see `payload`). ../client.c does the same with our library.
//!
//!     put NS LABEL COUNT SIZE SHAPE      get ...           all blocks in one call
//!     put-tail NS LABEL SIZE SHAPE       get-tail ...
//!     lookup NS LABEL COUNT              ping
//!     put-value NS KEY SIZE SHAPE        get-value ...     any key
//!     lookup-hex NS HEX...   get-hex NS HEX...   put-hex NS HEX...   hashes as they are written
//!     put-uneven NS                      two hashes, one payload
//!     frame OP NS KEY PAYLOAD            a request of its own (tcp): PAYLOAD is `-`, `hex:...`,
//!                                        `keys:a,b`, `blocks:NS,LABEL,COUNT` (op 11 and 12), or
//!                                        `uneven` (op 13: two hashes, one payload). Of what is
//!                                        long in the answer, a digest is printed.
//!
//! NS `-` is the empty namespace. The shapes: noise, or text (which compresses).

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use myelon::codec::Codec;
use wombatkv_daemon::client::{RemoteError, RemoteGetOutcome, RemoteKvStoreClient};
use wombatkv_daemon::envelope;
use wombatkv_daemon::http_transport::{HttpClientError, HttpGetOutcome, HttpKvClient};
use wombatkv_daemon::tcp_transport::{TcpClientError, TcpGetOutcome, TcpKvClient};
use wombatkv_daemon::{
    decode_key_batch, encode_get_kv_blocks_batch_req, encode_key_batch,
    encode_lookup_block_prefix_req, op, GetKvBlocksBatchReq, LookupBlockPrefixReq,
    PutKvBlocksBatchReq, WireRequest, WireResponse,
};

const TAIL_KEY: &str = "wombatkv/v1/sidecar/raw_tail/b3=";

// ---- the three clients under one face -----------------------------------------------------------

type Answer<T> = Result<T, String>;

/// What a daemon answered is told by code and text alone: the rest of a client's message names the
/// transport.
fn status(code: u8, message: &str) -> String {
    format!("error {code} {message}")
}

fn tcp_error(e: TcpClientError) -> String {
    match e {
        TcpClientError::Status { code, message } => status(code, &message),
        TcpClientError::Codec(text) => format!("codec {text}"),
        other => other.to_string(),
    }
}

fn http_error(e: HttpClientError) -> String {
    match e {
        HttpClientError::Status { code, message } => status(code, &message),
        HttpClientError::Codec(text) => format!("codec {text}"),
        other => other.to_string(),
    }
}

fn shm_error(e: RemoteError) -> String {
    match e {
        RemoteError::DaemonStatus {
            status: code,
            message,
        } => status(code, &message),
        other => other.to_string(),
    }
}

trait Client {
    fn ping(&self) -> Answer<()>;
    fn put_value(&self, ns: &str, key: &str, value: Bytes) -> Answer<()>;
    fn get_value(&self, ns: &str, key: &str) -> Answer<Option<Bytes>>;
    fn lookup(&self, ns: &str, hashes: &[String]) -> Answer<usize>;
    fn get(&self, ns: &str, hashes: &[String]) -> Answer<Option<Vec<Bytes>>>;
    fn put(&self, ns: &str, hashes: &[String], payloads: &[&[u8]]) -> Answer<u64>;
}

macro_rules! client {
    ($client:ty, $outcome:ident, $error:ident, $hit:pat => $payload:ident) => {
        impl Client for $client {
            fn ping(&self) -> Answer<()> {
                self.ping().map_err($error)
            }
            fn put_value(&self, ns: &str, key: &str, value: Bytes) -> Answer<()> {
                self.put_kv(ns, key, value).map_err($error)
            }
            fn get_value(&self, ns: &str, key: &str) -> Answer<Option<Bytes>> {
                match self.get_kv(ns, key).map_err($error)? {
                    $hit => Ok(Some($payload)),
                    $outcome::Miss => Ok(None),
                }
            }
            fn lookup(&self, ns: &str, hashes: &[String]) -> Answer<usize> {
                self.lookup_block_prefix(ns, hashes).map_err($error)
            }
            fn get(&self, ns: &str, hashes: &[String]) -> Answer<Option<Vec<Bytes>>> {
                self.get_kv_blocks_batch(ns, hashes).map_err($error)
            }
            fn put(&self, ns: &str, hashes: &[String], payloads: &[&[u8]]) -> Answer<u64> {
                self.put_kv_blocks_batch(ns, hashes, payloads)
                    .map_err($error)
            }
        }
    };
}

client!(TcpKvClient, TcpGetOutcome, tcp_error, TcpGetOutcome::Hit { payload } => payload);
client!(HttpKvClient, HttpGetOutcome, http_error, HttpGetOutcome::Hit { payload } => payload);
client!(RemoteKvStoreClient, RemoteGetOutcome, shm_error,
        RemoteGetOutcome::Hit { payload, .. } => payload);

fn connect(kind: &str, address: &str) -> Answer<Box<dyn Client>> {
    Ok(match kind {
        "tcp" => Box::new(TcpKvClient::connect(address).map_err(tcp_error)?),
        "http" => Box::new(HttpKvClient::connect(address).map_err(http_error)?),
        "shm" => Box::new(RemoteKvStoreClient::connect(address).map_err(shm_error)?),
        other => return Err(format!("no client is called {other}")),
    })
}

// ---- what is sent -------------------------------------------------------------------------------

fn hash(salt: &str, label: &str, index: usize) -> String {
    blake3::hash(format!("{salt} {label} {index}").as_bytes())
        .to_hex()
        .to_string()
}

fn hashes(salt: &str, label: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| hash(salt, label, i)).collect()
}

/// `noise`: xorshift64 from the first eight bytes of BLAKE3 of `name`, one byte a step.
/// `text`: `name` over and over. A hash in upper case has the bytes of the one in lower case.
fn payload(name: &str, size: usize, shape: &str) -> Vec<u8> {
    let name = name.to_ascii_lowercase();
    if shape == "text" {
        return name.bytes().cycle().take(size).collect();
    }
    let digest = blake3::hash(name.as_bytes());
    let mut x = u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap()) | 1;
    let step = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 32) as u8
    };
    (0..size).map(step).collect()
}

// ---- commands -----------------------------------------------------------------------------------

fn number(word: &str) -> Answer<usize> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn differs(expected: &[u8], got: &[u8]) -> String {
    let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    format!(
        "wrong: {} bytes for {}, different from byte {at}",
        got.len(),
        expected.len()
    )
}

fn get_blocks(
    c: &dyn Client,
    ns: &str,
    hashes: &[String],
    size: usize,
    shape: &str,
) -> Answer<String> {
    let Some(got) = c.get(ns, hashes)? else {
        return Ok("miss".into());
    };
    if got.len() != hashes.len() {
        return Ok(format!("wrong: {} blocks for {}", got.len(), hashes.len()));
    }
    for (hash, bytes) in hashes.iter().zip(&got) {
        let expected = payload(hash, size, shape);
        if expected != bytes[..] {
            return Ok(differs(&expected, bytes));
        }
    }
    Ok(format!("hit {}", got.iter().map(Bytes::len).sum::<usize>()))
}

fn get_value(c: &dyn Client, ns: &str, key: &str, expected: &[u8]) -> Answer<String> {
    Ok(match c.get_value(ns, key)? {
        None => "miss".into(),
        Some(got) if got[..] == *expected => format!("hit {}", got.len()),
        Some(got) => differs(expected, &got),
    })
}

fn put_blocks(
    c: &dyn Client,
    ns: &str,
    hashes: &[String],
    size: usize,
    shape: &str,
) -> Answer<String> {
    let payloads: Vec<Vec<u8>> = hashes.iter().map(|h| payload(h, size, shape)).collect();
    let views: Vec<&[u8]> = payloads.iter().map(|p| &p[..]).collect();
    Ok(format!("put {}", c.put(ns, hashes, &views)?))
}

fn run(c: &dyn Client, address: &str, salt: &str, words: &[&str]) -> Answer<String> {
    let ns = |word: &'_ str| {
        if word == "-" {
            String::new()
        } else {
            word.to_string()
        }
    };
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    match *words {
        ["ping"] => c.ping().map(|()| "pong".into()),
        ["put", n, label, count, size, shape] => put_blocks(
            c,
            &ns(n),
            &hashes(salt, label, number(count)?),
            number(size)?,
            shape,
        ),
        ["get", n, label, count, size, shape] => get_blocks(
            c,
            &ns(n),
            &hashes(salt, label, number(count)?),
            number(size)?,
            shape,
        ),
        ["lookup", n, label, count] => {
            let count = c.lookup(&ns(n), &hashes(salt, label, number(count)?))?;
            Ok(format!("matched {count}"))
        }
        ["put-tail", n, label, size, shape] => {
            let tip = hash(salt, label, 0);
            let value = Bytes::from(payload(&tip, number(size)?, shape));
            c.put_value(&ns(n), &format!("{TAIL_KEY}{tip}"), value)
                .map(|()| "put".into())
        }
        ["get-tail", n, label, size, shape] => {
            let tip = hash(salt, label, 0);
            get_value(
                c,
                &ns(n),
                &format!("{TAIL_KEY}{tip}"),
                &payload(&tip, number(size)?, shape),
            )
        }
        ["put-value", n, key, size, shape] => {
            let value = Bytes::from(payload(key, number(size)?, shape));
            c.put_value(&ns(n), key, value).map(|()| "put".into())
        }
        ["get-value", n, key, size, shape] => {
            get_value(c, &ns(n), key, &payload(key, number(size)?, shape))
        }
        ["lookup-hex", n, ref hex @ ..] => {
            Ok(format!("matched {}", c.lookup(&ns(n), &owned(hex))?))
        }
        ["get-hex", n, ref hex @ ..] => get_blocks(c, &ns(n), &owned(hex), 1, "text"),
        ["put-hex", n, ref hex @ ..] => put_blocks(c, &ns(n), &owned(hex), 1, "text"),
        ["put-uneven", n] => Ok(format!(
            "put {}",
            c.put(&ns(n), &hashes(salt, "uneven", 2), &[b"x"])?
        )),
        ["frame", op, n, key, body] => {
            let op = op.parse().map_err(|_| format!("{op} is no op"))?;
            frame(
                address,
                op,
                &ns(n),
                &ns(key),
                &frame_payload(op, salt, body)?,
            )
        }
        _ => Err("no such command".into()),
    }
}

// ---- requests of its own ------------------------------------------------------------------------

/// Op 13 with two hashes and one payload: their encoder refuses to write it.
fn uneven(salt: &str) -> Answer<Vec<u8>> {
    let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&PutKvBlocksBatchReq {
        namespace: "frames".into(),
        block_hashes_hex: hashes(salt, "uneven", 2),
        payloads: vec![b"x".to_vec()],
    });
    Ok([
        b"WMBT_PBB_REQ\0\0\0\0",
        &archive.map_err(|e| e.to_string())?[..],
    ]
    .concat())
}

fn blocks_request(op_code: u8, salt: &str, list: &str) -> Answer<Vec<u8>> {
    let [n, label, count] = list.split(',').collect::<Vec<_>>()[..] else {
        return Err(format!("{list} names no blocks"));
    };
    let namespace = n.to_string();
    let block_hashes_hex = hashes(salt, label, number(count)?);
    match op_code {
        op::LOOKUP_BLOCK_PREFIX => encode_lookup_block_prefix_req(&LookupBlockPrefixReq {
            namespace,
            block_hashes_hex,
        }),
        _ => encode_get_kv_blocks_batch_req(&GetKvBlocksBatchReq {
            namespace,
            block_hashes_hex,
        }),
    }
    .map_err(|e| e.to_string())
}

fn frame_payload(op_code: u8, salt: &str, body: &str) -> Answer<Vec<u8>> {
    match body.split_once(':') {
        _ if body == "-" => Ok(Vec::new()),
        _ if body == "uneven" => uneven(salt),
        Some(("keys", "")) => Ok(encode_key_batch(&[])),
        Some(("keys", keys)) => Ok(encode_key_batch(
            &keys.split(',').map(String::from).collect::<Vec<_>>(),
        )),
        Some(("blocks", list)) => blocks_request(op_code, salt, list),
        Some(("hex", hex)) => (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|e| e.to_string()))
            .collect(),
        _ => Err(format!("{body} is no payload")),
    }
}

fn exchange(address: &str, request: &WireRequest) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    let body = WireRequest::encode(request).expect("a request encodes");
    stream.write_all(&envelope::encode_envelope(body.as_ref()))?;
    let mut answer = vec![0; envelope::WIRE_ENVELOPE_BYTES];
    stream.read_exact(&mut answer)?;
    let size = u32::from_le_bytes(answer[12..16].try_into().unwrap()) as usize;
    answer.resize(envelope::WIRE_ENVELOPE_BYTES + size, 0);
    stream.read_exact(&mut answer[envelope::WIRE_ENVELOPE_BYTES..])?;
    Ok(answer)
}

/// A number in a text about what happened so far says nothing here.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit() && c != '.') {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if rest.len() < part.len() {
            out.push('0');
        }
        out.push_str(rest);
    }
    out
}

fn digest(bytes: &[u8]) -> String {
    format!(
        "{} bytes {}",
        bytes.len(),
        &blake3::hash(bytes).to_hex()[..16]
    )
}

fn shown(op_code: u8, status: u8, payload: &[u8]) -> String {
    if op_code == op::LIST && status == 0 {
        let mut keys = decode_key_batch(payload).unwrap_or_else(|e| vec![e.to_string()]);
        keys.sort();
        return format!("{} keys {}", keys.len(), digest(keys.join(",").as_bytes()));
    }
    if payload.len() > 64 {
        return digest(payload);
    }
    payload
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect::<String>()
}

fn frame(address: &str, op_code: u8, ns: &str, key: &str, payload: &[u8]) -> Answer<String> {
    const ID: u64 = 0x0102_0304_0506_0708;
    let request = WireRequest {
        id: ID,
        op: op_code,
        namespace: ns.into(),
        key: key.into(),
        payload: payload.into(),
    };
    let answer = exchange(address, &request).map_err(|e| e.to_string())?;
    let body = envelope::decode_envelope(&answer).map_err(|e| e.to_string())?;
    let mut aligned = rkyv::util::AlignedVec::<16>::new();
    aligned.extend_from_slice(body);
    let r = WireResponse::decode(&aligned).map_err(|e| format!("{e:?}"))?;
    if r.id != ID || r.op != op_code {
        return Ok(format!("wrong: id {:#x} op {}", r.id, r.op));
    }
    let mut message = if op_code == op::STATS {
        without_numbers(&r.message)
    } else {
        r.message
    };
    if message.len() > 300 {
        message = digest(message.as_bytes());
    }
    let payload = shown(op_code, r.status, &r.payload);
    Ok(format!(
        "status {} payload [{payload}] message {message:?}",
        r.status
    ))
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, kind, address, salt] = &args[..] else {
        eprintln!("usage: wombatkv-peer tcp|http|shm ADDRESS SALT");
        std::process::exit(2);
    };
    let client = connect(kind, address).unwrap_or_else(|text| {
        eprintln!("connect {kind} {address}: {text}");
        std::process::exit(1);
    });
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = run(&*client, address, salt, &words).unwrap_or_else(|text| text);
        println!("{}", answer.replace('\n', "\\n"));
    }
}
