//! Runs a SAM template on one machine.

mod admin;
mod aws;
mod cli;
mod clock;
mod connections;
mod demo;
mod environment_file;
mod events;
mod faults;
mod guard;
mod http;
mod ids;
mod invoke;
mod lambda;
mod launcher;
mod options;
mod queues;
mod run;
mod secrets;
mod start;
mod state;
mod streams;
mod sync;
mod template;
mod terminal;
mod throttle;
mod token;
mod under_way;
mod urls;
mod websocket;

fn main() -> std::process::ExitCode {
    launcher::become_program_if_launched();
    cli::main()
}
