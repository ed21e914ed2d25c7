#!/bin/sh
# Passwords for docker-compose.yml, made once; existing ones stay. The folder is closed to others, and the files are
# readable in it, because containers read them under other user numbers.
set -eu
folder="${FOCUS_SECRETS:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
chmod 700 "$folder"
for name in postgres_password redis_password; do
    if [ ! -s "$folder/$name" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$folder/$name"
        chmod 444 "$folder/$name"
        echo "made $folder/$name"
    fi
done
