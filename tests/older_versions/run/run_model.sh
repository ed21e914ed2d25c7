#!/bin/sh
# Trains this run, or resumes it. Options go on to the command: --fresh puts what is here aside and starts anew.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
if ! command -v focus >/dev/null 2>&1; then
    echo "run_model.sh: the command focus is not found; activate the environment that FOCUS is installed in." >&2
    exit 2
fi
exec focus train --config "$here/config.yaml" --exp-dir "$here" "$@"
