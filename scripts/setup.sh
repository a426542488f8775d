# Makes .venv and installs ProxyCast into it. Sourced, from the root of the checkout, by scripts/run and scripts/test.
# Runs on the bash 3.2 that comes with macOS.

say() { printf 'proxycast: %s\n' "$1" >&2; }

# Whether $1 is a Python that we run on, with what `python -m venv` needs. (A pyenv shim may exist and still not run.)
usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

# Where pyenv may keep its versions: as it says itself, in the home folder, beside its shims on PATH.
pyenv_roots() {
  local folder
  printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}" "$HOME/.pyenv"
  printf '%s\n' "$PATH" | tr ':' '\n' | while IFS= read -r folder; do
    case $folder in */shims) printf '%s\n' "${folder%/shims}" ;; esac
  done
}

# Every Python that may be on this machine, the preferred version first: PATH, pyenv, uv.
candidates() {
  local version root
  for version in 3.13 3.12 3.14; do
    type -aP "python$version"
    pyenv_roots | while IFS= read -r root; do
      ls -d "$root/versions/$version".*/bin/python 2>/dev/null
    done
    command -v uv >/dev/null && UV_PYTHON_DOWNLOADS=never uv python find --system "$version" 2>/dev/null
  done
  type -aP python3
}

# Print the first usable one that is not in the .venv to be made.
find_python() {
  local python
  candidates | while IFS= read -r python; do
    case $python in "$PWD"/.venv/*) continue ;; esac
    if usable "$python"; then
      printf '%s\n' "$python"
      break
    fi
  done
}

# set_up [EXTRA]: .venv exists, works, and holds what pyproject.toml asks for, with that extra.
set_up() {
  local extra=${1-} wanted python
  local stamp=.venv/.installed${extra:+-$extra}
  wanted="$PWD $(cksum <pyproject.toml)"
  if [ -e .venv ] && ! { usable .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null; }; then
    say ".venv does not work (any more); making it anew"
    rm -rf .venv
  fi
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  if [ ! -e .venv ]; then
    python=$(find_python)
    if [ -z "$python" ]; then
      say "no usable Python found: 3.12, 3.13 or 3.14 is needed, with its venv module, on PATH, in pyenv or in uv"
      exit 1
    fi
    say "making .venv with $("$python" --version) ($python)"
    if ! "$python" -m venv .venv; then
      say "could not make .venv with $python"
      exit 1
    fi
  fi
  say "installing into .venv; the first time this takes a minute or two…"
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${extra:+[$extra]}"; then
    say "the installation failed: see the lines above"
    exit 1
  fi
  # On 3.12 mitmproxy holds libraries down that the newest Google SDK, which the tests use, asks for but runs without.
  case "$extra $(.venv/bin/python --version)" in
    "test Python 3.12."*)
      .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'google-genai>=3.4,<4' || exit 1 ;;
  esac
  printf '%s\n' "$wanted" >"$stamp"
  say "installed"
}
