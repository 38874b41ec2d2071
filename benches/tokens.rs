//! What tokens cost on one core: `cargo bench --bench tokens`. docs/performance.md has the figures.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measurement stops at the first surprise, and has a life outside the server"
)]

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use heirloom::{
    app::{House, Migrations},
    config::{Config, Source},
    kernel::{MasterKey, MasterKeys, Moment, Rng, SessionId, UserId},
    keys::{Keys, Subject},
    sessions::{Generation, RetryKey, Secret, TokenKeys},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use private_postgres::Tenant;
use std::{hint::black_box, sync::Arc, time::Duration};

const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn refresh_tokens(criterion: &mut Criterion) {
    let master = Arc::new(MasterKey::parse(MASTER_KEY).unwrap());
    let keys = TokenKeys::new(&MasterKeys { current: master, previous: Arc::new([]) });
    let (rng, session) = (Rng::system(), SessionId::new(Moment::default(), &Rng::system()));
    let secret = Secret::draw(&rng);
    let token = keys.issue(session, Generation::FIRST, &secret);
    let (presented, nonce) = (keys.read(token.reveal()).unwrap(), rng.bytes());
    let retry = RetryKey::parse("3f6c1a52-0d0e-4b9b-8a52").unwrap();
    let mut forged = token.reveal().to_owned();
    forged.replace_range(20..21, if forged.get(20..21) == Some("A") { "B" } else { "A" });

    let mut group = criterion.benchmark_group("refresh token");
    group.bench_function("read: parse and tag", |b| b.iter(|| keys.read(black_box(token.reveal())).unwrap()));
    group.bench_function("refuse: a forged tag", |b| b.iter(|| keys.read(black_box(&forged)).is_none()));
    group.bench_function("derive the successor", |b| b.iter(|| keys.successor(&presented, &nonce, Some(&retry))));
    group.bench_function("digest for the database", |b| b.iter(|| black_box(&secret).digest()));
    group.bench_function("write", |b| b.iter(|| keys.issue(session, Generation::FIRST, black_box(&secret))));
    group.finish();
}

fn access_tokens(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let data = folder.path().join(algorithm);
        let options = [
            ("HEIRLOOM_DATA_DIR", data.to_str().unwrap()),
            ("HEIRLOOM_SIGNING_ALG", algorithm),
            ("PATH", &std::env::var("PATH").unwrap()),
        ];
        let config = Config::from_source(Source::from_pairs(options)).unwrap();
        let house = runtime.block_on(House::open(config, Tenant::Command, Migrations::Apply)).unwrap();
        algorithm_of(criterion, algorithm, &house.keys, house.world.clock.now());
        runtime.block_on(house.close()).unwrap();
    }
}

fn algorithm_of(criterion: &mut Criterion, algorithm: &str, keys: &Keys, now: Moment) {
    let rng = Rng::system();
    let subject = Subject {
        user: UserId::new(now, &rng),
        session: SessionId::new(now, &rng),
        authenticated_at: now,
        acr: "urn:heirloom:acr:1",
        amr: vec!["pwd"],
        roles: vec!["editor".to_owned()],
        access_revision: 0,
        claims: serde_json::Map::new(),
    };
    let sign = || keys.sign(&subject, now, Duration::from_mins(10)).unwrap();
    let token = sign();
    let mut group = criterion.benchmark_group(format!("access token, {algorithm}"));
    group.bench_function("sign", |b| b.iter(sign));
    group.bench_function("verify, never seen", |b| {
        b.iter_batched(sign, |token| keys.verify(token.reveal()).unwrap(), BatchSize::SmallInput);
    });
    group.bench_function("verify, seen before", |b| b.iter(|| keys.verify(black_box(token.reveal())).unwrap()));
    group.finish();
}

/// What the library takes, which parses the key and encodes the header at each signature: for the ratio in one run.
fn by_the_library(criterion: &mut Criterion) {
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let key = EncodingKey::from_ec_der(pair.as_ref());
    let header = Header { typ: Some("at+jwt".to_owned()), kid: Some("a".repeat(43)), ..Header::new(Algorithm::ES256) };
    let id = "0198c0de-0000-7000-8000-000000000000";
    let claims = serde_json::json!({
        "iss": "http://localhost:8080", "sub": id, "aud": "http://localhost:8080", "exp": 1_764_352_800, "iat": 1_764_352_200,
        "nbf": 1_764_352_200, "jti": id, "sid": id, "auth_time": 1_764_352_200, "roles": ["editor"], "rev": 0,
    });
    criterion.bench_function("access token, ES256, by the library/sign", |b| {
        b.iter(|| encode(&header, black_box(&claims), &key).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = refresh_tokens, access_tokens, by_the_library
}
criterion_main!(benches);
