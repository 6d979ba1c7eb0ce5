"""The contract's ids, partitions and chain in Python, sharing no code with the product."""
import hashlib
import struct
import uuid

NAMESPACE = uuid.UUID("5f0c7a52-93d1-4b7e-8a64-1d2e9c3b7f08")
NOT_HASHED = {"ce_chainhash", "ce_traceparent"}


def prefixed(data):
    """lp(x): the length as unsigned 32-bit big-endian, then the bytes."""
    if isinstance(data, str):
        data = data.encode("utf-8")
    return struct.pack(">I", len(data)) + data


def uuid5(*parts):
    name = b"".join(prefixed(str(part)) for part in parts)
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + name).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def murmur2(data):
    """The 32-bit hash of the Java client's default partitioner."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    for at in range(0, len(data) - 3, 4):
        block = int.from_bytes(data[at:at + 4], "little") * multiplier & mask
        block = (block ^ block >> 24) * multiplier & mask
        value = value * multiplier & mask ^ block
    rest = data[len(data) & ~3:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


def partition_of(user, partitions):
    return (murmur2(user.encode("utf-8")) & 0x7FFFFFFF) % partitions


def run_id_of(user, message_id):
    return uuid5("run", user, message_id)


def content_hash(headers, value):
    """`content` of contract 7; headers is a dict, value the stored bytes."""
    hashed = b"".join(
        prefixed(name) + prefixed(headers[name]) for name in sorted(headers)
        if (name.startswith("ce_") or name == "content-type") and name not in NOT_HASHED)
    return hashlib.sha256(hashed).digest() + hashlib.sha256(value).digest()


def chain_start(log_id, user):
    return hashlib.sha256(
        b"signalbox/chain/1" + uuid.UUID(log_id).bytes + prefixed(user)).digest()


def chain_next(previous, headers, value):
    return hashlib.sha256(previous + content_hash(headers, value)).digest()


def is_opaque_id(text):
    """1 to 128 bytes without control characters."""
    return 1 <= len(text.encode("utf-8")) <= 128 and not any(
        ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text)
