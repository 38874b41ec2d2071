use super::*;

#[test]
fn each_case_has_the_verdict_that_the_specification_demands() {
    let battery = Battery::read();
    assert!(battery.cases.len() > 500, "the control: there are cases");
    let wrong: Vec<String> = battery
        .cases
        .iter()
        .map(|case| (case, verdict(&battery.request(case))))
        .filter(|(case, verdict)| case.3 != *verdict)
        .map(|(case, verdict)| format!("{}: {verdict} instead of {}", case.0, case.3))
        .collect();
    assert!(wrong.is_empty(), "{} verdicts are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Otherwise we would be the only ones to accept it.
#[test]
fn what_we_accept_another_verifier_accepts_too() {
    let battery = Battery::read();
    let accepted = battery.cases.iter().filter(|case| case.3 == "accepted");
    let alone: Vec<&str> = accepted.filter(|case| !case.4.contains('a')).map(|case| case.0.as_str()).collect();
    assert_eq!(alone, Vec::<&str>::new());
}

/// Otherwise a check could be missing unnoticed.
#[test]
fn each_refusal_is_some_cases_verdict() {
    let battery = Battery::read();
    for refusal in Refusal::ALL {
        assert!(battery.cases.iter().any(|case| case.3 == refusal.name()), "{refusal:?}");
    }
}
