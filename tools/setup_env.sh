#!/bin/sh
# Makes .venv from the locks: tools/setup_env.sh run|test
# Finds a Python that is new enough and leaves the rest to setup_env.py.
# PYTHON=/path/to/python names the interpreter; INSTALLER=pip does without uv.
set -eu
cd "$(dirname "$0")/.."

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if is_new_enough "$candidate"; then
        exec "$candidate" tools/setup_env.py "$@"
    fi
done

if [ -n "${PYTHON:-}" ]; then
    echo "set-up: PYTHON=$PYTHON is not a Python 3.11 or newer." >&2
else
    echo "set-up: no Python 3.11 or newer found (tried python3, python3.14 ... python3.11)." >&2
    echo "set-up: install one, or name it: make run PYTHON=/path/to/python3" >&2
fi
exit 1
