"""Would build the front end in Rust."""
