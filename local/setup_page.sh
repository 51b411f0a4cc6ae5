#!/bin/sh
# Build the web page into web/dist unless its sources are those of the last build.
set -eu
cd "$(dirname "$0")/../web"
# shellcheck source=local/steps.sh
. ../local/steps.sh

sources() {
    find . \( -name node_modules -o -name dist -o -name tests \) -prune -o -type f -print | LC_ALL=C sort | xargs cksum
}

require_node() {
    command -v node >/dev/null || fail "Parley needs Node 20.19 or newer to build its page, and there is no node here."
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' ||
        fail "Parley needs Node 20.19 or newer to build its page, and node here is $(node --version)."
    command -v npm >/dev/null || fail "Parley needs npm to build its page: it comes with Node, but is not here."
}

wanted=$(sources | cksum)
[ "$(cat dist/.sources 2>/dev/null)" = "$wanted" ] && exit 0
require_node
lock=$(cksum package-lock.json)
if [ "$(cat node_modules/.lock 2>/dev/null)" != "$lock" ]; then
    step "Installing the page's packages" npm ci --no-audit --no-fund --loglevel=error
    echo "$lock" >node_modules/.lock
fi
step "Building the page" npm run build --silent
echo "$wanted" >dist/.sources
