#!/bin/sh
# Trains this recipe in its own folder, or resumes it. Options go on to train.py: --fresh puts what is here aside.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
clone=$(cd "$here/../.." && pwd) || exit 1
python="$clone/.venv/bin/python"
[ -x "$python" ] || python=python3
exec "$python" "$clone/train.py" --config "$here/config.yaml" --exp_dir "$here" "$@"
