{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  makeWrapper,
  tmux,
}:
let
  inherit ((lib.importTOML ../Cargo.toml).package) version description;
  target = stdenv.hostPlatform.rust.rustcTarget;
in
rustPlatform.buildRustPackage {
  pname = "agentd";
  inherit version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.cargo
      ../Cargo.lock
      ../Cargo.toml
      ../benches
      ../examples
      ../src
      ../tests
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [
    installShellFiles
    makeWrapper
  ];
  # For the shim, which is there once for each agent, and so is static: it takes half of the memory.
  buildInputs = lib.optional stdenv.hostPlatform.isGnu stdenv.cc.libc.static;
  postBuild = ''
    cargo rustc --offline --release --target ${target} --bin agentd-shim -- \
      -C target-feature=+crt-static -C relocation-model=static
  '';

  # The others need a tmux server, users and cgroups: they are for `tests/run`.
  cargoTestFlags = [ "--lib" ];
  nativeCheckInputs = [ tmux ];

  # The shim is looked for beside the program that runs, which is the wrapped one: in the same directory.
  postInstall = ''
    wrapProgram $out/bin/agentd --suffix PATH : ${lib.makeBinPath [ tmux ]}
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd agentd \
      --bash <($out/bin/agentd completions bash) \
      --fish <($out/bin/agentd completions fish) \
      --zsh <($out/bin/agentd completions zsh)
    $out/bin/agentd man --out man
    installManPage man/*
  '';

  meta = {
    inherit description;
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "agentd";
  };
}
