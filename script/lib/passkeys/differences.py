"""Where another verifier answers otherwise than we do, and why. Each entry: cases, verifiers, the reason.

`s` is @simplewebauthn/server, `w` PyPI webauthn, `f` PyPI fido2. Sections are those of WebAuthn Level 3 unless another
document is named. An entry that explains nothing any more is an error, as is a difference without an entry.
"""

import re

CBOR = r"(extensions|attestation object|\w+ key): "

# We refuse and they accept: they are laxer, or leave the check to their caller.
LAXER = [
    (r": (user handle (?!is null)|(without response\.userHandle|response\.userHandle is null)$)", "swf",
     "§7.2 step 6: the user handle is left to the caller"),
    (r"userHandle (with|is)", "swf", "the user handle is left to the caller, and so is its form"),
    (r"assertion: (another credential|a longer credential id)$", "sw", "§7.2 step 6: the look-up of the credential is left to the caller"),
    (r"the id outside is not the one inside", "swf", "§7.1 step 27: they store the id inside and ignore the one outside"),
    (r"a credential id of 1024 bytes", "swf", "§7.1 step 25: SHOULD be refused"),
    (r"id and rawId are empty|an empty id inside", "swf", "§4: a credential id has at least 16 bytes"),
    (r"(without id|(without type|type is .*))$", "f", "§5.1: id and type are not compared with what they must be"),
    (r"transports is a text|a transport is a number", "swf", "§5.2.1: transports are texts; they are not read"),
    (r"with padding$|with bits left over", "swf", "§3: base64url without padding, RFC 4648 §3.5; their decoders are laxer"),
    (r"with (a line break|a character of base64|a space)", "swf", "§3: base64url; their decoders skip other characters"),
    (r"challenge with another alphabet", "wf", "§7.1 step 8, §7.2 step 11: they compare decoded challenges"),
    (r"client data: challenge in an array", "w", "§5.8.1: a text; Python's decoder takes what it finds"),
    (r"(type|challenge|origin|crossOrigin) twice", "swf", "RFC 8259 §4: readers differ on which one counts"),
    (r"client data: (UTF-16|NaN in an unknown member)", "wf", "RFC 8259 §8.1 and §6: Python's json reads more than JSON"),
    (r"crossOrigin is|topOrigin", "swf", "§7.1 steps 10 and 11, §7.2 steps 13 and 14: not checked, or only in part"),
    (r"flags UP (UV )?BS, ", "f", "§7.1 step 17, §7.2 step 18: not checked"),
    (r"backup eligibility (lost|gained)", "swf", "§7.2 step 19: the flag that was registered is not part of their interface"),
    (r"counter \d+, then \d+$", "f", "§7.2 step 22: the counter is left to the caller"),
    (r"extensions: (an array|a number|a text)$", "swf", "§6.1: extensions are a map"),
    (r"extensions: 65 entries|more than any key has", "swf", "our bounds on anonymous work and on what is stored"),
    (r"extensions: (20|300) levels", "swf", "CTAP2 §8: at most four levels"),
    (r"twice", "f", "§2, RFC 8949 §5.6: a repeated key SHOULD be refused"),
    (rf"{CBOR}(a long |the head of )", "wf", "§2, CTAP2 §8: a form that is not the shortest SHOULD be refused"),
    (r"the head of authData", "s", "§2, CTAP2 §8: a form that is not the shortest SHOULD be refused"),
    (rf"{CBOR}(of indefinite length|authData in two chunks)|extensions: .*(undefined|without meaning|double precision)", "swf",
     "§2, CTAP2 §8: definite lengths and shortest forms only"),
    (r"extensions: (truncated|a lonely break|bytes of 2\^63)", "sf", "RFC 8949 §5.3.1: incomplete items, read as far as they go"),
    (r"the key (lacks a byte|ends after)|truncated after \d+ bytes|the length of authData is one too", "sf",
     "RFC 8949 §5.3.1: incomplete items, read as far as they go"),
    (r"attestation object: (a byte|another item) behind", "sw", "RFC 8949 §5.3.1: the first item is read, and the rest ignored"),
    (r"the stored key is with a byte behind", "sw", "RFC 8949 §5.3.1: the first item is read, and the rest ignored"),
    (r"attestation object: (without attStmt|attStmt .*)", "sw", "§6.5.4: attStmt is a map"),
    (r"statement: none with ''", "w", "§8.7: an empty map; `w` looks for members that it knows"),
    (r"statement: packed with an empty x5c", "wf", "§8.2: x5c holds a certificate; they take it for self attestation"),
    (r"ES256 key: (without kty|kty .*)|EdDSA key: kty|RS256 key: (without kty|kty .*)", "f", "RFC 9053 §7: the key type is not compared"),
    (r"key: alg |key: crv ", "swf", "§7.1 step 20: algorithm and curve are not compared with what was offered, or as numbers only"),
    (r"key: [xy] ", "swf", "RFC 9053 §7.1.1: the length of a coordinate is not checked"),
    (r"RS256 key: [ne] ", "swf", "RFC 8230 §4: neither the form nor the size is checked"),
    (r"RSA of (1,024|2,046) bits", "swf", "NIST SP 800-131A: at least 2,048 bits; they have no lower bound"),
    (r"ES256 signature: (a byte behind|a third number|length in two bytes|indefinite length of BER)", "s",
     "§6.5.5: DER; its reader is laxer, and the numbers are right"),
]

# We accept and they refuse: they are stricter.
STRICTER = [
    (r"byte order mark", "f", "§7.1 step 5, §7.2 step 8: UTF-8 decode drops it"),
    (r"an unknown member that is not UTF-8", "wf", "§7.1 step 5, §7.2 step 8: UTF-8 decode replaces it, and the member is ignored"),
    (r"counter \d+, then \d+, backup-eligible", "sw", "§7.2 step 22 leaves it to us: copies of a key count separately"),
    (r"extensions: a float of half precision", "sf", "RFC 8949 §3.3: valid, and the shortest form; their readers lack it"),
]


def unexplained(cases):
    """`cases`: name, our verdict, and the answers by verifier. Yields what is wrong with the lists above."""
    used = set()
    for name, verdict, answers in cases:
        accepted = verdict == "accepted"
        for verifier, answer in answers.items():
            if answer.startswith("accepted") == accepted:
                continue
            entries = STRICTER if accepted else LAXER
            found = [entry for entry in entries if verifier in entry[1] and re.search(entry[0], name)]
            used.update((pattern, verifier) for pattern, _, _ in found)
            if not found:
                yield f"{name}: ours is {verdict}, {verifier} answers {answer}"
    for pattern, verifiers, _ in LAXER + STRICTER:
        for verifier in verifiers:
            if (pattern, verifier) not in used:
                yield f"no case of {pattern!r} differs for {verifier} any more"
