use super::*;
use proptest::prelude::*;
use std::fs;

/// `user@host:port/database` of each host; a socket's folder stands for the host.
fn places(text: &str) -> Result<String, DatabaseUrlError> {
    let place = |host: &PgConnectOptions| {
        let name = host.get_socket().map_or_else(|| host.get_host().to_owned(), |folder| folder.display().to_string());
        let (user, port) = (host.get_username(), host.get_port());
        format!("{user}@{name}:{port}/{}", host.get_database().unwrap_or_default())
    };
    Ok(DatabaseUrl::parse(text)?.hosts().iter().map(place).collect::<Vec<_>>().join(" "))
}

fn refused(text: &str) -> String {
    DatabaseUrl::parse(text).err().map(|error| error.to_string()).unwrap_or_default()
}

/// The examples of libpq's manual, section 34.1.1.2, and the forms that it describes.
#[test]
fn every_form_of_the_manual_is_read() {
    for (text, expected) in [
        ("postgres://u:p@one/db", "u@one:5432/db"),
        ("postgresql://u@localhost:5433/mydb", "u@localhost:5433/mydb"),
        ("postgresql://u:secret@localhost", "u@localhost:5432/"),
        ("postgresql://u@localhost/otherdb?application_name=myapp", "u@localhost:5432/otherdb"),
        (
            "postgresql://u@host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp",
            "u@host1:123/somedb u@host2:456/somedb",
        ),
        ("postgresql:///mydb?host=localhost&port=5433&user=u", "u@localhost:5433/mydb"),
        ("postgresql://[2001:db8::1234]/database?user=u", "u@2001:db8::1234:5432/database"),
        ("postgres://app@[::1]:15433/db", "app@::1:15433/db"),
        ("postgres://app@[fe80::1%25eth0]:1/db", "app@fe80::1%eth0:1/db"),
        ("postgresql:///dbname?host=/var/lib/postgresql&user=u", "u@/var/lib/postgresql:5432/dbname"),
        ("postgresql://u@%2Fvar%2Flib%2Fpostgresql/dbname", "u@/var/lib/postgresql:5432/dbname"),
        ("postgresql://u@%2Frun%2Fpg:6000/dbname", "u@/run/pg:6000/dbname"),
        ("postgresql:///db?host=/run/postgresql&user=app", "app@/run/postgresql:5432/db"),
        ("postgresql://?host=h&user=u&dbname=d", "u@h:5432/d"),
        ("postgresql://one,two?user=u&dbname=d", "u@one:5432/d u@two:5432/d"),
        ("postgresql://u@[::1]:1,[::2]:2,three/d", "u@::1:1/d u@::2:2/d u@three:5432/d"),
        ("postgresql:///d?host=one,two&port=1,2&user=u", "u@one:1/d u@two:2/d"),
        ("postgresql:///d?host=one,two&port=7&user=u", "u@one:7/d u@two:7/d"),
        ("postgresql://one,two:9/d?user=u", "u@one:5432/d u@two:9/d"),
        ("postgresql:///d?hostaddr=10.0.0.1&user=u", "u@10.0.0.1:5432/d"),
        ("postgresql://name/d?hostaddr=10.0.0.1&user=u&sslmode=require", "u@10.0.0.1:5432/d"),
        ("postgres://first@one/first?user=u&host=two&dbname=d", "u@two:5432/d"),
        ("postgres://u%40x:p%2Fw@one/d%20b", "u@x@one:5432/d b"),
        ("postgres://u:a#b@c@one/db", "u@one:5432/db"),
        ("postgres://u@one/a+b?password=a%26b", "u@one:5432/a+b"),
        ("postgres://u@one_two.internal/db", "u@one_two.internal:5432/db"),
    ] {
        assert_eq!(places(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn values_arrive_as_they_were_written() {
    let url = DatabaseUrl::parse("postgres://u:a%2Bb+c%25@h/db?options=-c%20search_path%3Dapp&application_name=a+b");
    let host = url.ok().and_then(|url| url.hosts().first().cloned());
    let host = host.unwrap_or_else(PgConnectOptions::new_without_pgpass);
    assert_eq!(host.get_options(), Some("-c search_path=app"));
    assert_eq!(host.get_application_name(), Some("a+b"));
    assert!(format!("{host:?}").contains("a+b+c%"), "the password is read as libpq reads it");
}

///
#[test]
fn a_mistyped_parameter_is_refused_with_the_nearest_one() {
    for (query, expected) in [
        ("sslmod=verify-full", "`sslmod`: did you mean `sslmode`?"),
        ("ssl_mode=require", "`ssl_mode`: did you mean `sslmode`?"),
        ("sslrootcrt=/ca.pem", "did you mean `sslrootcert`?"),
        ("usr=me", "did you mean `user`?"),
        ("schema=heirloom", "has an unknown parameter `schema`"),
        ("pgbouncer=true", "has an unknown parameter `pgbouncer`"),
        ("SSLMODE=require", "did you mean `sslmode`?"),
        ("ssl=yes", "`ssl` with a value that is not supported: use one of true"),
        ("ssl=false", "`ssl` with a value that is not supported"),
        ("sslmode=full", "use one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=", "`sslmode` with a value that is not supported"),
        ("sslmode", "a parameter without a value"),
        ("channel_binding=require", "leave it out, which is disable or prefer"),
        ("target_session_attrs=standby", "leave it out, which is any or read-write or primary"),
        ("client_encoding=latin1", "`client_encoding` with a value that is not supported"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system needs sslmode=verify-full"),
        ("service=main", "`service`, which is not supported: write host"),
        ("passfile=/x", "`passfile`, which is not supported: set PGPASSFILE"),
        ("connect_timeout=10", "`connect_timeout`, which is not supported: leave it out"),
        ("statement-cache-capacity=many", "use a whole number"),
    ] {
        let problem = refused(&format!("postgres://u:p@h/db?{query}"));
        assert!(problem.contains(expected), "{query}: {problem}");
    }
}

#[test]
fn tls_is_read_as_libpq_reads_it() {
    let mode = |query: &str| {
        let url = DatabaseUrl::parse(&format!("postgres://u@h/db?{query}")).ok()?;
        Some(format!("{:?}", url.hosts().first()?.get_ssl_mode()))
    };
    assert_eq!(mode("ssl=true").as_deref(), Some("Require"));
    assert_eq!(mode("sslmode=verify-full").as_deref(), Some("VerifyFull"));
    assert_eq!(mode("sslrootcert=system").as_deref(), Some("VerifyFull"));
    assert_eq!(mode("sslmode=require&sslrootcert=/ca.pem").as_deref(), Some("VerifyCa"));
}

#[test]
fn a_way_over_a_network_without_tls_is_known() {
    let open = |text: &str| DatabaseUrl::parse(text).map(|url| url.hosts_without_tls().join(" ")).ok();
    for (text, expected) in [
        ("postgres://u@db.example.com/x", "db.example.com"),
        ("postgres://u@10.0.0.5/x?sslmode=prefer", "10.0.0.5"),
        ("postgres://u@one,localhost,two/x?sslmode=disable", "one two"),
        ("postgres://u@localhost.example.com/x", "localhost.example.com"),
        ("postgres://u@[2001:db8::1]/x", "2001:db8::1"),
        ("postgres://u@db.example.com/x?sslmode=require", ""),
        ("postgres://u@db.example.com/x?ssl=true", ""),
        ("postgres://u@127.0.0.1/x", ""),
        ("postgres://u@[::1]/x", ""),
        ("postgres://u@[::ffff:127.0.0.1]/x", ""),
        ("postgres:///x?host=/run/postgresql&user=u", ""),
    ] {
        assert_eq!(open(text).as_deref(), Some(expected), "{text}");
    }
}

///
#[test]
fn a_part_that_is_wrong_is_named() {
    for (text, expected) in [
        ("mysql://one/db", "is not a Postgres URL"),
        ("one/db", "is not a Postgres URL"),
        ("host=one dbname=db", "is not a Postgres URL"),
        ("postgres:one/db", "is not a Postgres URL"),
        ("postgres://u:hunter2%zz@h/db", "its password"),
        ("postgres://u:hunter2%@h/db", "its password"),
        ("postgres://u:hunter2%ff@h/db", "its password"),
        ("postgres://u:hunter2%00@h/db", "its password"),
        ("postgres://u:hunter2/more@h/db", "has a port"),
        ("postgres://u:hunter2?more@h/db", "a parameter without a value"),
        ("postgres://u:hunter2?mo=re@h/db", "has an unknown parameter: did you mean"),
        ("postgres://u@h:99999/db", "has a port"),
        ("postgres://u@h:0/db", "has a port"),
        ("postgres://u@h:5432x/db", "has a port"),
        ("postgres://u@[::1/db", "has a host"),
        ("postgres://u@[]/db", "has a host"),
        ("postgres://u@[::1]x/db", "has a host"),
        ("postgres://u@[one]:1:2/db", "has a port"),
        ("postgres://u@a b/db", "has a host"),
        ("postgres://u@one,,two/db", "has a host"),
        ("postgres:///d?host=one,two&port=1,2,3", "names 2 hosts but 3 ports"),
        ("postgres:///d?host=one,two&hostaddr=::1", "names 2 hosts but 1 addresses"),
        ("postgres:///d?hostaddr=one", "`hostaddr` that is not an IP address"),
        ("postgres://h/d?hostaddr=::1&sslmode=verify-full", "sslmode=verify-full, which is not supported"),
        ("postgres:///d?host=%40abstract", "has a host"),
    ] {
        let problem = refused(text);
        assert!(problem.contains(expected), "{text}: {problem}");
        assert!(
            !problem.contains("hunter2") && !problem.contains("more") && !problem.contains("`mo`"),
            "{text}: {problem}"
        );
    }
}

#[test]
fn a_password_is_not_printed() {
    let printed = format!("{:?}", DatabaseUrl::parse("postgres://u:hunter2@one,two/db"));
    assert_eq!(printed, "Ok([\"one\", \"two\"])");
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

proptest! {
    /// Whatever is typed there is an answer, and it repeats nothing.
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in "[a-z@:/?#%,=&\\[\\]0-9.]{0,40}") {
        drop(DatabaseUrl::parse(&text));
        drop(DatabaseUrl::parse(&format!("postgres://{text}")));
        let problem = refused(&format!("postgres://user:Hunter2{tail}"));
        prop_assert!(!problem.contains("Hunter2"), "{}", problem);
    }

    #[test]
    fn what_is_encoded_comes_back(
        user in "[^\0]{1,20}", database in "[^\0]{1,20}", host in "[a-z][a-z0-9-]{0,10}", port in 1_u16..
    ) {
        let text = format!("postgres://{}:{}@{host}:{port}/{}", encoded(&user), encoded(&user), encoded(&database));
        prop_assert_eq!(places(&text), Ok(format!("{user}@{host}:{port}/{database}")));
        let query = format!("user={}&dbname={}&host={host}&port={port}", encoded(&user), encoded(&database));
        prop_assert_eq!(places(&format!("postgresql:///?{query}")), Ok(format!("{user}@{host}:{port}/{database}")));
    }
}

/// The corpus of `fuzz/fuzz_targets/database_url.rs`: what was found once is tried each time.
#[test]
fn the_fuzzers_corpus_is_replayed() {
    let files = fs::read_dir("fuzz/corpus/database_url").into_iter().flatten().flatten();
    let tried = files.map(|file| fs::read(file.path()).map(|bytes| refused(&String::from_utf8_lossy(&bytes))));
    assert!(tried.flatten().count() >= 10, "run from the repository's root");
}
