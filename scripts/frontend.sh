#!/bin/sh
# What the Makefile asks of the frontend: build, check, test, screenshots.
# Node.js is the system's where that is new enough, else the one that PyPI carries, put into .venv.
# Ends with 3 where there is no Node.js to be had, so that the caller decides what that means.
set -eu
cd "$(dirname "$0")/.."
web=src/mail_sender/web
packages=frontend/node_modules/.installed

node_is_new() {
    command -v npm >/dev/null && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 22 || (major === 22 && minor >= 12) ? 0 : 1)' 2>/dev/null
}

find_node() {
    node_is_new && return
    PATH="$PWD/.venv/bin:$PATH"
    export PATH
    if [ ! -e .venv/.node ] || [ requirements/node.txt -nt .venv/.node ]; then
        echo 'Getting Node.js for the frontend (the system has none from 22.12 on).' >&2
        .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
            --require-hashes -r requirements/node.txt || exit 3
        touch .venv/.node
    fi
    node_is_new || exit 3
}

run() {
    npm --prefix frontend --loglevel=error run --silent "$@"
}

install_packages() {
    if [ ! -e "$packages" ] || [ frontend/package-lock.json -nt "$packages" ]; then
        echo 'Getting the packages of the frontend.' >&2
        npm ci --prefix frontend --no-audit --no-fund --no-update-notifier --loglevel=error >&2 ||
            exit 3
        touch "$packages"
    fi
}

build() {
    sources='frontend/src frontend/public frontend/index.html frontend/vite.config.ts frontend/package-lock.json'
    # shellcheck disable=SC2086 # several words
    if [ ! -e "$web/index.html" ] || [ -n "$(find $sources -newer "$web/index.html" | head -n 1)" ]; then
        find_node
        install_packages
        echo 'Building the frontend.' >&2
        run build >&2
    fi
}

# Each run's pictures differ by a time or an id: they are taken anew only when the pages changed.
take_screenshots() {
    made_from=$(find frontend/src frontend/browser/screenshots -type f ! -name '*.test.ts' |
        LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1)
    [ "$made_from" = "$(cat docs/images/made-from.sha256 2>/dev/null)" ] ||
        MADE_FROM=$made_from run screenshots
}

case "${1:-}" in
build) build ;;
check) find_node && install_packages && run check && run test ;;
test) build && find_node && install_packages && run test && run browser ;;
screenshots) build && find_node && install_packages && take_screenshots ;;
*)
    echo 'usage: scripts/frontend.sh build|check|test|screenshots' >&2
    exit 2
    ;;
esac
