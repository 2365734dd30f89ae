# What `tests/run` uses, and cargo's helpers.
{
  mkShell,
  agentd,
  cargo-deny,
  clippy,
  curl,
  fish,
  nodejs,
  prometheus,
  python3,
  rust-analyzer,
  rustfmt,
  tcsh,
  tmux,
  util-linux,
  zsh,
}:
mkShell {
  inputsFrom = [ agentd ];
  packages = [
    cargo-deny
    clippy
    curl
    fish
    nodejs
    prometheus
    python3
    rust-analyzer
    rustfmt
    tcsh
    tmux
    util-linux
    zsh
  ];
}
