"""YAML 1.1: what its readers make of a plain scalar, and where that is not what a person means.

In: the type that the resolver found and the text.    Out: a number, or whether the reading surprises.
Faults: ValueError for a text that is no number.
Never: knows where the text stands.
"""

from __future__ import annotations

import re


def is_surprise(tag: str, text: str) -> bool:
    """Tell what YAML 1.1 reads differently from YAML 1.2 and from what most people mean."""
    if tag == "bool":
        return text.lower() not in ("true", "false")
    if tag == "int":
        return bool(re.match(r"[-+]?0[0-9b]|.*[_:]", text))
    if tag == "float":
        return "_" in text or ":" in text
    return tag == "timestamp"


def parse_bool(text: str) -> bool:
    return text.lower() in ("true", "yes", "on")


def parse_int(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if ":" in digits:
        return sign * int(_sexagesimal(digits))
    base = 2 if digits.startswith("0b") else 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    return sign * int(digits, base)


def parse_float(text: str) -> float:
    digits = text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan")
    sign = -1.0 if digits.startswith("-") else 1.0
    return sign * _sexagesimal(digits.lstrip("+-"))


def _sexagesimal(digits: str) -> float:
    total = 0.0
    for part in digits.split(":"):
        total = total * 60 + float(part)
    return total
