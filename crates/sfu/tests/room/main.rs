//! The room without sockets or clock: what it does to clients, networks and gateways of every kind.

mod client;
mod joining;
mod world;
