#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/hash/crc32c_tables.c: scripts/crc32c_tables.py > src/hash/crc32c_tables.c

Everything is derived from the polynomial. A 32-bit value stands for a polynomial of degree below
32 with bit 31 as x^0 (reflected), so 0x80000000 is 1 and 0x40000000 is x.
"""

POLYNOMIAL = 0x82F63B78
ORDER = 2**31 - 1  # x^ORDER = 1: the polynomial is (x + 1) times a primitive one of degree 31
ONE, X = 0x80000000, 0x40000000


def multiply(a, b):
    product = 0
    for i in range(32):
        if a & (ONE >> i):
            product ^= b
        b = (b >> 1) ^ (POLYNOMIAL if b & 1 else 0)
    return product


def power(n):
    """x^n mod P, for negative n too."""
    n %= ORDER
    result, square = ONE, X
    while n:
        if n & 1:
            result = multiply(result, square)
        square = multiply(square, square)
        n >>= 1
    return result


def bytes_table():
    """[k][b]: the state after byte b and k zero bytes, from state 0."""
    rows = [[multiply(b, power(8)) for b in range(256)]]
    for _ in range(7):
        rows.append([multiply(value, power(8)) for value in rows[-1]])
    return rows


def shift_table(size):
    """[i][v]: nibble v at bit 4 i, followed by `size` zero bytes."""
    factor = power(8 * size)
    return [[multiply(v << (4 * i), factor) for v in range(16)] for i in range(8)]


def fold(size):
    """What the first and the second 8 bytes of 16 are multiplied with to move them `size` on."""
    return [power(8 * size + 31), power(8 * size - 33)]


def text(values, digits, indent):
    per_line = 8 if digits == 8 else 4
    suffix = "u" if digits == 8 else "ull"
    lines = []
    for i in range(0, len(values), per_line):
        row = ", ".join(f"0x{v:0{digits}x}{suffix}" for v in values[i : i + per_line])
        lines.append(" " * indent + row + ",")
    return "\n".join(lines)


def print_flat(kind, name, values):
    digits = 8 if kind == "uint32_t" else 16
    print(f"const {kind} {name}[{len(values)}] = {{\n{text(values, digits, 4)}\n}};\n")


def print_rows(name, rows):
    print(f"const uint32_t {name}[{len(rows)}][{len(rows[0])}] = {{")
    for row in rows:
        print("    {\n" + text(row, 8, 8) + "\n    },")
    print("};\n")


def main():
    assert power(ORDER) == ONE and multiply(power(-33), power(33)) == ONE
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by scripts/crc32c_tables.py; do not edit. */")
    print("/* clang-format off */")
    print('#include "hash/crc32c_tables.h"\n')
    print_rows("wk_crc32c_bytes", bytes_table())
    print_rows("wk_crc32c_shift_128", shift_table(128))
    print_rows("wk_crc32c_shift_2048", shift_table(2048))
    print_flat("uint32_t", "wk_crc32c_power_bits", [power(8 * 2**k) for k in range(31)])
    print_flat("uint32_t", "wk_crc32c_factor_bits", [power(8 * 2**k - 33) for k in range(31)])
    for unit, count in ((8, 96), (16, 1025), (256, 513)):
        values = [power(8 * unit * n - 33) for n in range(count)]
        print_flat("uint32_t", f"wk_crc32c_factor_{unit}", values)
    for size in (16, 32, 64, 192):
        print_flat("uint64_t", f"wk_crc32c_fold_{size}", fold(size))
    print_flat("uint64_t", "wk_crc32c_fold_lanes", fold(48) + fold(32) + fold(16) + [0, 0])


main()
