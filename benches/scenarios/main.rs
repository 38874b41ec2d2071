//! `script/bench`: the whole of it under load, on a Postgres of its own. docs/performance.md says what is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    unreachable_pub,
    reason = "a measurement stops at the first surprise, and asks the machine's clock"
)]

mod faults;
mod feed;
mod load;
mod postgres;
mod report;
mod scenarios;
mod server;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "script/bench",
    about = "Measures rotations, checks, sign-ins, starts and the sweep",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: scenarios::Run,
}

#[derive(Subcommand)]
enum Command {
    /// Only the load generator, on any server
    Load(load::Load),
    /// Only the listeners to a server's stream of revocations
    Listen(feed::Listen),
}

fn main() {
    let arguments = Arguments::parse_from(std::env::args().filter(|argument| argument != "--bench"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    match arguments.command {
        Some(Command::Load(load)) => println!("{:#}", local.block_on(&runtime, load::run(&load))),
        Some(Command::Listen(listen)) => local.block_on(&runtime, feed::listen(&listen)),
        None => local.block_on(&runtime, scenarios::run(&arguments.run)),
    }
}
