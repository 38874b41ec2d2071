use super::*;

/// Xorshift (Marsaglia 2003): the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// One to eight changes: bytes flipped, set, removed, inserted, repeated, or the end cut off.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len() + 1);
            match (self.below(6), bytes.get_mut(at)) {
                (0, Some(byte)) => *byte ^= 1 << self.below(8),
                (1, Some(byte)) => *byte = self.byte(),
                (2, Some(_)) => drop(bytes.remove(at)),
                (3, Some(_)) if self.below(4) == 0 => bytes.truncate(at),
                (4, Some(_)) => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes.insert(at, self.byte()),
            }
        }
    }
}

/// What is random in a member is changed as bytes, so that the change arrives behind the base64.
fn change(numbers: &mut Numbers, request: &Request) -> Request {
    let mut changed = request.clone();
    let members: &[&str] = match request.ceremony {
        Ceremony::Registration => &["attestationObject", "attestationObject", "attestationObject", "clientDataJSON"],
        Ceremony::Assertion => &["authenticatorData", "authenticatorData", "signature", "clientDataJSON", "userHandle"],
    };
    let member = &mut changed.credential["response"][members[numbers.below(members.len())]];
    let mut bytes = decoded(member.as_str().unwrap());
    numbers.mutate(&mut bytes);
    *member = URL_SAFE_NO_PAD.encode(bytes).into();
    changed
}

#[test]
fn nothing_random_is_accepted_unsigned_or_panics() {
    let battery = Battery::read();
    let requests: Vec<Request> =
        battery.requests.values().map(|request| serde_json::from_value(request.clone()).unwrap()).collect();
    let mut numbers = Numbers(0x5EED_00AC_1000_0002);
    let mut verdicts = BTreeMap::<String, usize>::new();
    for round in 0..20_000 {
        let request = &requests[round % requests.len()];
        let changed = change(&mut numbers, request);
        let verdict = verdict(&changed);
        // Only a registration is not signed: what changes nothing of its meaning, such as the aaguid, may be accepted.
        let is_signed = matches!(request.ceremony, Ceremony::Assertion);
        let is_changed = changed.credential != request.credential;
        assert!(!(is_signed && is_changed && verdict == "accepted"), "{changed:?}");
        *verdicts.entry(verdict).or_default() += 1;
    }
    assert!(verdicts.len() > 10, "the control: the changes reach many checks: {verdicts:?}");
}

#[test]
fn random_bytes_are_no_cbor_that_panics() {
    let mut numbers = Numbers(0x5EED_CB01);
    for _ in 0..20_000 {
        let length = numbers.below(60);
        let mut bytes: Vec<u8> = (0..length).map(|_| numbers.byte()).collect();
        if let Some(first) = bytes.first_mut() {
            // More often a map or an array, of few items.
            *first = [0xa1, 0xa3, 0x82, 0xbf, *first][numbers.below(5)];
        }
        if let Ok((value, rest)) = cbor::first(&bytes) {
            assert!(rest.len() < bytes.len());
            let _key = PublicKey::of(&value);
        }
        let _data = authenticator_data::AuthenticatorData::read(&bytes);
    }
}
