"""Changes of the authenticator data and of the attestation object, and of how they are written in CBOR."""

from authenticator import (
    AAGUID, AT, BE, BS, CREATED, CREDENTIAL_ID, ED, ORIGIN, RP_ID, UP, USED, UV, Pairs, Raw, assertion, attestation_object,
    attested, auth_data, bytes_of, cbor, client_data, head, registration, sha256,
)


def rp_ids(flags, behind=b""):
    right = sha256(RP_ID.encode())
    for name, value in {
        "the first bit flipped": bytes([right[0] ^ 0x80]) + right[1:], "the last bit flipped": right[:-1] + bytes([right[-1] ^ 1]),
        "of the parent domain": sha256(b"example.com"), "of the origin": sha256(ORIGIN.encode()), "of upper case": sha256(RP_ID.upper().encode()),
        "of zeros": bytes(32), "not hashed": RP_ID.encode().ljust(32, b"\0"),
    }.items():
        yield f"RP ID: {name}", auth_data(flags, behind=behind, rp_id_hash=value), "rp_id"


def flag_verdict(flags, verification):
    if not flags & UP:
        return "user_presence"
    if verification and not flags & UV:
        return "user_verification"
    return "backup_flags" if flags & BS and not flags & BE else "accepted"


def names(flags):
    known = {UP: "UP", UV: "UV", BE: "BE", BS: "BS", AT: "AT", ED: "ED", 0x02: "reserved 1", 0x20: "reserved 5"}
    return " ".join(name for bit, name in known.items() if flags & bit) or "none"


def flags_of(ceremony, key):
    """Every combination of UP, UV, BE and BS, with user verification and without; and the reserved bits, to be ignored."""
    behind = attested(key.cose) if ceremony is registration else b""
    always = AT if ceremony is registration else 0
    for number in range(16):
        flags = sum(bit for at, bit in enumerate((UP, UV, BE, BS)) if number >> at & 1)
        for verification in (True, False):
            verdict = flag_verdict(flags, verification)
            extra = {"known": {"backup_eligible": bool(flags & BE)}} if ceremony is assertion else {}
            request = ceremony(key, data=auth_data(flags | always, behind=behind), user_verification=verification, **extra)
            yield f"flags {names(flags)}, user verification {'asked' if verification else 'not asked'}", request, verdict
    for reserved in (0x02, 0x20, 0x22):
        data = auth_data(UP | UV | BE | always | reserved, behind=behind)
        yield f"flags {names(UP | UV | BE | reserved)}", ceremony(key, data=data), "accepted"


def extensions():
    """What stands behind flag ED, and whether it is a map as the specification wants it."""
    yield "an empty map", cbor({}), "accepted"
    yield "credProtect and hmac-secret", cbor({"credProtect": 2, "hmac-secret": True}), "accepted"
    yield "null as a value", cbor({"x": None}), "accepted"
    yield "a float of half precision", cbor({"x": Raw(b"\xf9\x3e\x00")}), "accepted"
    yield "nested twice", cbor({"x": {"y": [b"z", -1]}}), "accepted"
    yield "absent", b"", "cbor"
    yield "an array", cbor([]), "authenticator_data"
    yield "a number", cbor(1), "authenticator_data"
    yield "a text", cbor("x"), "authenticator_data"
    yield "truncated", cbor({"x": b"12345"})[:-1], "cbor"
    yield "a byte behind", cbor({}) + b"\0", "authenticator_data"
    yield "two maps", cbor({}) * 2, "authenticator_data"
    yield "a key twice", cbor(Pairs([("x", 1), ("x", 2)])), "duplicate_key"
    yield "a key twice, deep inside", cbor({"x": [Pairs([(1, 1), (1, 1)])]}), "duplicate_key"
    yield "a map of indefinite length", b"\xbf\xff", "cbor"
    yield "a text of indefinite length", b"\xa1\x7f\x61x\xff\x01", "cbor"
    yield "a long head of the map", head(5, 0, 1), "cbor"
    yield "a long integer", cbor({"x": Raw(head(0, 1, 2))}), "cbor"
    yield "a long negative integer", cbor({"x": Raw(head(1, 1, 4))}), "cbor"
    yield "a float of double precision that fits half", cbor({"x": Raw(b"\xfb" + bytes.fromhex("3ff8000000000000"))}), "cbor"
    yield "the value undefined", cbor({"x": Raw(b"\xf7")}), "cbor"
    yield "a simple value without meaning", cbor({"x": Raw(b"\xe0")}), "cbor"
    yield "a key that is not UTF-8", b"\xa1\x61\xff\x01", "cbor"
    yield "a reserved head", b"\xa1\x61x\x1c", "cbor"
    yield "a lonely break", b"\xff", "cbor"
    yield "20 levels", cbor({"x": Raw(b"\x81" * 20 + b"\x00")}), "cbor"
    yield "300 levels", cbor({"x": Raw(b"\x81" * 300 + b"\x00")}), "cbor"
    yield "65 entries", cbor({number: 0 for number in range(65)}), "too_long"
    yield "an array of 2^32 items", b"\xa1\x61x" + head(4, 2**32, 8), "cbor"
    yield "bytes of 2^63 - 1", b"\xa1\x61x" + head(2, 2**63 - 1, 8), "cbor"


def counters(key):
    """§7.2 step 22. The counter of a key that cannot be copied must grow, unless both are 0."""
    for stored, now, verdict in (
        (0, 0, "accepted"), (0, 1, "accepted"), (7, 8, "accepted"), (7, 7, "counter"), (7, 6, "counter"), (7, 0, "counter"),
        (2**32 - 2, 2**32 - 1, "accepted"), (2**32 - 1, 0, "counter"), (2**32 - 1, 2**32 - 1, "counter"), (0x00FFFFFF, 0xFF, "counter"),
    ):
        known = {"sign_count": stored, "backup_eligible": False}
        yield f"counter {stored}, then {now}", assertion(key, data=auth_data(UP | UV, now), known=known), verdict
        known = {"sign_count": stored}
        yield f"counter {stored}, then {now}, backup-eligible", assertion(key, data=auth_data(USED, now), known=known), "accepted"


def assertions(key):
    for name, data, verdict in rp_ids(USED):
        yield name, assertion(key, data=data), verdict
    yield from flags_of(assertion, key)
    yield from counters(key)
    for name, flags, known in (("lost", UP | UV, True), ("gained", USED, False)):
        yield f"backup eligibility {name}", assertion(key, data=auth_data(flags), known={"backup_eligible": known}), "backup_flags"
    yield "backed up since", assertion(key, data=auth_data(UP | UV | BE | BS)), "accepted"
    yield "not backed up any more", assertion(key, data=auth_data(UP | UV | BE)), "accepted"
    for length in (0, 1, 32, 33, 36):
        yield f"{length} bytes", assertion(key, data=auth_data(USED)[:length]), "authenticator_data"
    yield "a byte behind", assertion(key, data=auth_data(USED) + b"\0"), "authenticator_data"
    yield "extensions without flag ED", assertion(key, data=auth_data(USED, behind=cbor({}))), "authenticator_data"
    for name, behind, verdict in extensions():
        yield f"extensions: {name}", assertion(key, data=auth_data(USED | ED, behind=behind)), verdict
    yield "flag AT with a credential", assertion(key, data=auth_data(USED | AT, behind=attested(key.cose))), "accepted"
    yield "flag AT without a credential", assertion(key, data=auth_data(USED | AT)), "authenticator_data"
    yield "a credential without flag AT", assertion(key, data=auth_data(USED, behind=attested(key.cose))), "authenticator_data"


def registration_data(key):
    right = attested(key.cose)
    for name, data, verdict in rp_ids(CREATED, right):
        yield name, data, verdict
    yield "without flag AT", auth_data(CREATED & ~AT, behind=right), "authenticator_data"
    yield "without flag AT and without a credential", auth_data(CREATED & ~AT), "authenticator_data"
    yield "flag AT without a credential", auth_data(CREATED), "authenticator_data"
    for length in (1, 16, 17, 18, 49):
        yield f"the credential ends after {length} bytes", auth_data(CREATED, behind=right[:length]), "authenticator_data"
    for length in (50, 51, 60, 100):
        yield f"the key ends after {length - 50} bytes", auth_data(CREATED, behind=right[:length]), "cbor"
    yield "the key lacks a byte", auth_data(CREATED, behind=right[:-1]), "cbor"
    yield "a byte behind the key", auth_data(CREATED, behind=right + b"\0"), "authenticator_data"
    yield "extensions without flag ED", auth_data(CREATED, behind=right + cbor({})), "authenticator_data"
    for name, behind, verdict in extensions():
        yield f"extensions: {name}", auth_data(CREATED | ED, behind=right + behind), verdict
    yield "aaguid of zeros", auth_data(CREATED, behind=attested(key.cose, aaguid=bytes(16))), "accepted"
    yield "a counter at the start", auth_data(CREATED, 41, behind=right), "accepted"
    yield "the length of the id is 0", auth_data(CREATED, behind=attested(key.cose, length=0)), "authenticator_data"
    yield "the length of the id is one too much", auth_data(CREATED, behind=attested(key.cose, length=33)), "authenticator_data"
    yield "the length of the id is one too little", auth_data(CREATED, behind=attested(key.cose, length=31)), "authenticator_data"
    yield "the length of the id is beyond the end", auth_data(CREATED, behind=attested(key.cose, length=65535)), "authenticator_data"
    yield "an empty id inside", auth_data(CREATED, behind=attested(key.cose, b"")), "credential_id"
    for length in (0, 36):
        yield f"{length} bytes", auth_data(CREATED)[:length], "authenticator_data"


def attestation_objects(key):
    data = auth_data(CREATED, behind=attested(key.cose))
    right = attestation_object(data)
    parts = [("fmt", "none"), ("attStmt", {}), ("authData", data)]
    for at, (name, _) in enumerate(parts):
        yield f"without {name}", cbor(Pairs(parts[:at] + parts[at + 1 :])), "attestation_object"
        yield f"{name} twice", cbor(Pairs(parts + [parts[at]])), "duplicate_key"
        yield f"{name} twice, first another", cbor(Pairs([(name, 1)] + parts)), "duplicate_key"
        yield f"{name} is null", cbor(Pairs(parts[:at] + [(name, None)] + parts[at + 1 :])), "attestation_object"
        yield f"{name} is a number", cbor(Pairs(parts[:at] + [(name, 1)] + parts[at + 1 :])), "attestation_object"
        yield f"{name} under bytes", cbor(Pairs(parts[:at] + [(name.encode(), parts[at][1])] + parts[at + 1 :])), "attestation_object"
    yield "fmt as bytes", cbor({"fmt": b"none", "attStmt": {}, "authData": data}), "attestation_object"
    yield "authData as a text", cbor({"fmt": "none", "attStmt": {}, "authData": "x" * 40}), "attestation_object"
    yield "attStmt as an array", cbor({"fmt": "none", "attStmt": [], "authData": data}), "attestation_object"
    yield "another order", cbor(Pairs(reversed(parts))), "accepted"
    yield "an unknown member", cbor(Pairs(parts + [("epAtt", False)])), "accepted"
    yield "a byte behind", right + b"\0", "cbor"
    yield "another item behind", right + cbor({}), "cbor"
    yield "empty", b"", "cbor"
    for length in (1, 5, 10, 14, 25, 31, 60, 100, len(right) - 1):
        yield f"truncated after {length} bytes", right[:length], "cbor"
    for name, whole in {"an array": cbor([1]), "bytes": cbor(b"x"), "an empty map": cbor({}), "null": cbor(None)}.items():
        yield f"{name} only", whole, "attestation_object"
    yield "in an array", cbor([Raw(right)]), "attestation_object"
    yield "tagged as CBOR", b"\xd9\xd9\xf7" + right, "attestation_object"
    yield "of indefinite length", b"\xbf" + right[1:] + b"\xff", "cbor"
    for width in (1, 2, 4, 8):
        yield f"the head of the map in {width} bytes", head(5, 3, width) + right[1:], "cbor"
        yield f"the head of a key in {width} bytes", right.replace(cbor("fmt"), head(3, 3, width) + b"fmt", 1), "cbor"
        if width > 1:
            yield f"the head of authData in {width} bytes", right.replace(cbor(data), head(2, len(data), width) + data, 1), "cbor"
    parted = b"\x5f" + cbor(data[:40]) + cbor(data[40:]) + b"\xff"
    yield "authData in two chunks", right.replace(cbor(data), parted, 1), "cbor"
    yield "the length of authData is one too little", right.replace(cbor(data), head(2, len(data) - 1) + data, 1), "cbor"
    yield "the length of authData is one too much", right.replace(cbor(data), head(2, len(data) + 1) + data, 1), "cbor"


def statements(key):
    data = auth_data(CREATED, behind=attested(key.cose))
    hash_of_client = sha256(client_data("webauthn.create"))
    signature = key.sign(data + hash_of_client)
    algorithm = key.cose[3]
    for fmt in ("", "None", "NONE", "none ", "packed2", "tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "compound"):
        yield f"fmt {fmt!r}", attestation_object(data, fmt), "attestation_format"
    for statement in ({"sig": signature}, {"x5c": []}, {"": 0}):
        yield f"none with {', '.join(map(repr, statement))}", attestation_object(data, "none", statement), "attestation_statement"
    yield "self attestation", attestation_object(data, "packed", {"alg": algorithm, "sig": signature}), "accepted"
    wrong = bytes([*signature[:-1], signature[-1] ^ 1])
    for name, statement in {
        "a bit of sig flipped": {"alg": algorithm, "sig": wrong}, "sig empty": {"alg": algorithm, "sig": b""},
        "sig of the data only": {"alg": algorithm, "sig": key.sign(data)}, "without sig": {"alg": algorithm},
        "without alg": {"sig": signature}, "another alg": {"alg": -47, "sig": signature}, "alg as a text": {"alg": "ES256", "sig": signature},
        "sig as a text": {"alg": algorithm, "sig": "signature"}, "empty": {},
    }.items():
        yield f"self attestation, {name}", attestation_object(data, "packed", statement), "attestation_statement"
    certified = {"alg": algorithm, "sig": signature, "x5c": [bytes_of("certificate", 60)]}
    yield "packed with a certificate that is malformed", attestation_object(data, "packed", certified), "attestation_format"
    yield "packed with an empty x5c", attestation_object(data, "packed", certified | {"x5c": []}), "attestation_format"


def cases(keys):
    key = keys["ES256"]
    for name, request, verdict in assertions(key):
        yield f"assertion, data: {name}", request, verdict
    for name, request, verdict in flags_of(registration, key):
        yield f"registration, data: {name}", request, verdict
    for name, data, verdict in registration_data(key):
        yield f"registration, data: {name}", registration(key, data=data), verdict
    for name, whole, verdict in attestation_objects(key):
        yield f"registration, attestation object: {name}", registration(key, whole=whole), verdict
    for algorithm, signer in keys.items():
        for name, whole, verdict in statements(signer) if algorithm == "ES256" else list(statements(signer))[14:16]:
            yield f"registration, {algorithm}, statement: {name}", registration(signer, whole=whole), verdict
    yield "registration, data: an aaguid that is not one", registration(key, data=auth_data(CREATED, behind=AAGUID)), "authenticator_data"
