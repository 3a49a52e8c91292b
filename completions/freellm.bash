# Completion of freellm for bash. Made by scripts/gen; `freellm completion bash` prints it.

_freellm_path() {
    # Sets: path (the subcommand so far), place (how many plain words it has had), value_of (the flag
    # that waits for its value, if any).
    local word
    path='' place=0 value_of=''
    for word in "$@"; do
        if [[ -n $value_of ]]; then value_of=''; continue; fi
        case $word in
            --*=*) ;;
            -*) if _freellm_takes_value "$path" "$word"; then value_of=$word; fi ;;
            *)
                if [[ $place -eq 0 ]] && _freellm_is_command "$path${path:+ }$word"; then
                    path="$path${path:+ }$word"
                else
                    place=$((place + 1))
                fi ;;
        esac
    done
}

_freellm_is_command() {
    case "$1" in
        'setup' | \
            'chat' | \
            'serve' | \
            'batch' | \
            'keys' | \
            'keys add' | \
            'keys list' | \
            'keys check' | \
            'keys enable' | \
            'keys disable' | \
            'keys label' | \
            'keys remove' | \
            'keys import' | \
            'keys export' | \
            'oauth' | \
            'oauth login' | \
            'oauth list' | \
            'oauth refresh' | \
            'oauth logout' | \
            'oauth import' | \
            'oauth export' | \
            'models' | \
            'models show' | \
            'models test' | \
            'limits' | \
            'limits why' | \
            'limits reset' | \
            'limits drift' | \
            'limits forget' | \
            'limits plan' | \
            'why' | \
            'route' | \
            'history' | \
            'history list' | \
            'history show' | \
            'history search' | \
            'history delete' | \
            'history export' | \
            'templates' | \
            'templates list' | \
            'templates show' | \
            'templates edit' | \
            'config' | \
            'config path' | \
            'config show' | \
            'config get' | \
            'config set' | \
            'config unset' | \
            'config edit' | \
            'config check' | \
            'doctor' | \
            'demo' | \
            'completion' | \
            'completion install') return 0 ;;
    esac
    return 1
}

_freellm_takes_value() {
    case "$1 $2" in
        ' --config-dir' | \
            ' --state-dir' | \
            'setup --config-dir' | \
            'setup --state-dir' | \
            'chat -m' | \
            'chat --model' | \
            'chat -s' | \
            'chat --system' | \
            'chat -o' | \
            'chat --option' | \
            'chat --temperature' | \
            'chat --max-tokens' | \
            'chat --top-p' | \
            'chat --top-k' | \
            'chat --stop' | \
            'chat --seed' | \
            'chat --think' | \
            'chat --timeout' | \
            'chat -a' | \
            'chat --attach' | \
            'chat --json-schema' | \
            'chat -t' | \
            'chat --template' | \
            'chat -p' | \
            'chat --param' | \
            'chat --conversation' | \
            'chat --save' | \
            'chat --config-dir' | \
            'chat --state-dir' | \
            'serve --host' | \
            'serve --port' | \
            'serve --token' | \
            'serve --profile' | \
            'serve --simulate' | \
            'serve --cors-origin' | \
            'serve --threads' | \
            'serve --drain' | \
            'serve --config-dir' | \
            'serve --state-dir' | \
            'batch -o' | \
            'batch --output' | \
            'batch -m' | \
            'batch --model' | \
            'batch -s' | \
            'batch --system' | \
            'batch -O' | \
            'batch --option' | \
            'batch --format' | \
            'batch --reserve' | \
            'batch --width' | \
            'batch --config-dir' | \
            'batch --state-dir' | \
            'keys --config-dir' | \
            'keys --state-dir' | \
            'keys add --label' | \
            'keys add --account' | \
            'keys add --env' | \
            'keys add --set' | \
            'keys add --base-url' | \
            'keys add --config-dir' | \
            'keys add --state-dir' | \
            'keys list --config-dir' | \
            'keys list --state-dir' | \
            'keys check --config-dir' | \
            'keys check --state-dir' | \
            'keys enable --config-dir' | \
            'keys enable --state-dir' | \
            'keys disable --config-dir' | \
            'keys disable --state-dir' | \
            'keys label --account' | \
            'keys label --config-dir' | \
            'keys label --state-dir' | \
            'keys remove --config-dir' | \
            'keys remove --state-dir' | \
            'keys import --config-dir' | \
            'keys import --state-dir' | \
            'keys export --config-dir' | \
            'keys export --state-dir' | \
            'oauth --config-dir' | \
            'oauth --state-dir' | \
            'oauth login --port' | \
            'oauth login --client-secrets' | \
            'oauth login --label' | \
            'oauth login --config-dir' | \
            'oauth login --state-dir' | \
            'oauth list --config-dir' | \
            'oauth list --state-dir' | \
            'oauth refresh --config-dir' | \
            'oauth refresh --state-dir' | \
            'oauth logout --config-dir' | \
            'oauth logout --state-dir' | \
            'oauth import --provider' | \
            'oauth import --config-dir' | \
            'oauth import --state-dir' | \
            'oauth export --config-dir' | \
            'oauth export --state-dir' | \
            'models --for' | \
            'models --min-context' | \
            'models --family' | \
            'models --share' | \
            'models --config-dir' | \
            'models --state-dir' | \
            'models show --config-dir' | \
            'models show --state-dir' | \
            'models test --share' | \
            'models test --config-dir' | \
            'models test --state-dir' | \
            'limits --model' | \
            'limits -m' | \
            'limits --requests' | \
            'limits -n' | \
            'limits --tokens' | \
            'limits --by' | \
            'limits --interval' | \
            'limits --config-dir' | \
            'limits --state-dir' | \
            'limits why --config-dir' | \
            'limits why --state-dir' | \
            'limits reset --config-dir' | \
            'limits reset --state-dir' | \
            'limits drift --config-dir' | \
            'limits drift --state-dir' | \
            'limits forget --config-dir' | \
            'limits forget --state-dir' | \
            'limits plan --model' | \
            'limits plan -m' | \
            'limits plan --requests' | \
            'limits plan -n' | \
            'limits plan --tokens' | \
            'limits plan --by' | \
            'limits plan --config-dir' | \
            'limits plan --state-dir' | \
            'why --config-dir' | \
            'why --state-dir' | \
            'route --config-dir' | \
            'route --state-dir' | \
            'history --config-dir' | \
            'history --state-dir' | \
            'history list -n' | \
            'history list --limit' | \
            'history list --config-dir' | \
            'history list --state-dir' | \
            'history show --config-dir' | \
            'history show --state-dir' | \
            'history search -n' | \
            'history search --limit' | \
            'history search --config-dir' | \
            'history search --state-dir' | \
            'history delete --older-than' | \
            'history delete --config-dir' | \
            'history delete --state-dir' | \
            'history export --format' | \
            'history export -o' | \
            'history export --output' | \
            'history export --config-dir' | \
            'history export --state-dir' | \
            'templates --config-dir' | \
            'templates --state-dir' | \
            'templates list --config-dir' | \
            'templates list --state-dir' | \
            'templates show --config-dir' | \
            'templates show --state-dir' | \
            'templates edit --config-dir' | \
            'templates edit --state-dir' | \
            'config --config-dir' | \
            'config --state-dir' | \
            'config path --config-dir' | \
            'config path --state-dir' | \
            'config show --config-dir' | \
            'config show --state-dir' | \
            'config get --config-dir' | \
            'config get --state-dir' | \
            'config set --config-dir' | \
            'config set --state-dir' | \
            'config unset --config-dir' | \
            'config unset --state-dir' | \
            'config edit --config-dir' | \
            'config edit --state-dir' | \
            'config check --config-dir' | \
            'config check --state-dir' | \
            'doctor --bundle' | \
            'doctor --config-dir' | \
            'doctor --state-dir' | \
            'demo --config-dir' | \
            'demo --state-dir' | \
            'completion --config-dir' | \
            'completion --state-dir' | \
            'completion install --config-dir' | \
            'completion install --state-dir') return 0 ;;
    esac
    return 1
}

_freellm_value() {
    case "$1 $2" in
        ' --config-dir') kind=folders ;;
        ' --state-dir') kind=folders ;;
        'setup --config-dir') kind=folders ;;
        'setup --state-dir') kind=folders ;;
        'chat -m' | 'chat --model') kind=names ;;
        'chat --think') candidates='off
minimal
low
medium
high
auto' ;;
        'chat -a' | 'chat --attach') kind=files ;;
        'chat --json-schema') kind=files ;;
        'chat -t' | 'chat --template') kind=templates ;;
        'chat --conversation') kind=conversations ;;
        'chat --config-dir') kind=folders ;;
        'chat --state-dir') kind=folders ;;
        'serve --profile') candidates='game' ;;
        'serve --simulate') kind=simulations ;;
        'serve --config-dir') kind=folders ;;
        'serve --state-dir') kind=folders ;;
        'batch -o' | 'batch --output') kind=files ;;
        'batch -m' | 'batch --model') kind=names ;;
        'batch --format') candidates='auto
text
jsonl' ;;
        'batch --config-dir') kind=folders ;;
        'batch --state-dir') kind=folders ;;
        'keys --config-dir') kind=folders ;;
        'keys --state-dir') kind=folders ;;
        'keys add --config-dir') kind=folders ;;
        'keys add --state-dir') kind=folders ;;
        'keys list --config-dir') kind=folders ;;
        'keys list --state-dir') kind=folders ;;
        'keys check --config-dir') kind=folders ;;
        'keys check --state-dir') kind=folders ;;
        'keys enable --config-dir') kind=folders ;;
        'keys enable --state-dir') kind=folders ;;
        'keys disable --config-dir') kind=folders ;;
        'keys disable --state-dir') kind=folders ;;
        'keys label --config-dir') kind=folders ;;
        'keys label --state-dir') kind=folders ;;
        'keys remove --config-dir') kind=folders ;;
        'keys remove --state-dir') kind=folders ;;
        'keys import --config-dir') kind=folders ;;
        'keys import --state-dir') kind=folders ;;
        'keys export --config-dir') kind=folders ;;
        'keys export --state-dir') kind=folders ;;
        'oauth --config-dir') kind=folders ;;
        'oauth --state-dir') kind=folders ;;
        'oauth login --client-secrets') kind=files ;;
        'oauth login --config-dir') kind=folders ;;
        'oauth login --state-dir') kind=folders ;;
        'oauth list --config-dir') kind=folders ;;
        'oauth list --state-dir') kind=folders ;;
        'oauth refresh --config-dir') kind=folders ;;
        'oauth refresh --state-dir') kind=folders ;;
        'oauth logout --config-dir') kind=folders ;;
        'oauth logout --state-dir') kind=folders ;;
        'oauth import --provider') candidates='gemini-cli
iflow' ;;
        'oauth import --config-dir') kind=folders ;;
        'oauth import --state-dir') kind=folders ;;
        'oauth export --config-dir') kind=folders ;;
        'oauth export --state-dir') kind=folders ;;
        'models --for') candidates='fast
long-context
multilingual
vision
reasoning
lightweight
story' ;;
        'models --family') kind=families ;;
        'models --config-dir') kind=folders ;;
        'models --state-dir') kind=folders ;;
        'models show --config-dir') kind=folders ;;
        'models show --state-dir') kind=folders ;;
        'models test --config-dir') kind=folders ;;
        'models test --state-dir') kind=folders ;;
        'limits --model' | 'limits -m') kind=names ;;
        'limits --config-dir') kind=folders ;;
        'limits --state-dir') kind=folders ;;
        'limits why --config-dir') kind=folders ;;
        'limits why --state-dir') kind=folders ;;
        'limits reset --config-dir') kind=folders ;;
        'limits reset --state-dir') kind=folders ;;
        'limits drift --config-dir') kind=folders ;;
        'limits drift --state-dir') kind=folders ;;
        'limits forget --config-dir') kind=folders ;;
        'limits forget --state-dir') kind=folders ;;
        'limits plan --model' | 'limits plan -m') kind=names ;;
        'limits plan --config-dir') kind=folders ;;
        'limits plan --state-dir') kind=folders ;;
        'why --config-dir') kind=folders ;;
        'why --state-dir') kind=folders ;;
        'route --config-dir') kind=folders ;;
        'route --state-dir') kind=folders ;;
        'history --config-dir') kind=folders ;;
        'history --state-dir') kind=folders ;;
        'history list --config-dir') kind=folders ;;
        'history list --state-dir') kind=folders ;;
        'history show --config-dir') kind=folders ;;
        'history show --state-dir') kind=folders ;;
        'history search --config-dir') kind=folders ;;
        'history search --state-dir') kind=folders ;;
        'history delete --config-dir') kind=folders ;;
        'history delete --state-dir') kind=folders ;;
        'history export --format') candidates='markdown
jsonl' ;;
        'history export -o' | 'history export --output') kind=files ;;
        'history export --config-dir') kind=folders ;;
        'history export --state-dir') kind=folders ;;
        'templates --config-dir') kind=folders ;;
        'templates --state-dir') kind=folders ;;
        'templates list --config-dir') kind=folders ;;
        'templates list --state-dir') kind=folders ;;
        'templates show --config-dir') kind=folders ;;
        'templates show --state-dir') kind=folders ;;
        'templates edit --config-dir') kind=folders ;;
        'templates edit --state-dir') kind=folders ;;
        'config --config-dir') kind=folders ;;
        'config --state-dir') kind=folders ;;
        'config path --config-dir') kind=folders ;;
        'config path --state-dir') kind=folders ;;
        'config show --config-dir') kind=folders ;;
        'config show --state-dir') kind=folders ;;
        'config get --config-dir') kind=folders ;;
        'config get --state-dir') kind=folders ;;
        'config set --config-dir') kind=folders ;;
        'config set --state-dir') kind=folders ;;
        'config unset --config-dir') kind=folders ;;
        'config unset --state-dir') kind=folders ;;
        'config edit --config-dir') kind=folders ;;
        'config edit --state-dir') kind=folders ;;
        'config check --config-dir') kind=folders ;;
        'config check --state-dir') kind=folders ;;
        'doctor --bundle') kind=files ;;
        'doctor --config-dir') kind=folders ;;
        'doctor --state-dir') kind=folders ;;
        'demo --config-dir') kind=folders ;;
        'demo --state-dir') kind=folders ;;
        'completion --config-dir') kind=folders ;;
        'completion --state-dir') kind=folders ;;
        'completion install --config-dir') kind=folders ;;
        'completion install --state-dir') kind=folders ;;
    esac
}

_freellm_flags() {
    case "$1" in
        '') candidates='--version
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'setup') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'chat') candidates='-m
--model
-s
--system
-o
--option
--temperature
--max-tokens
--top-p
--top-k
--stop
--seed
--think
--stream
--no-stream
-x
--extract
--usage
--timeout
--private
-a
--attach
--json-schema
-t
--template
-p
--param
-c
--continue
--conversation
--no-log
--save
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'serve') candidates='--host
--port
--token
--profile
--simulate
--cors-origin
--threads
--drain
--log-content
--open
--install-service
--uninstall-service
--print
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'batch') candidates='-o
--output
-m
--model
-s
--system
-O
--option
--format
--plan
--resume
--force
--ordered
--retry-unknown
--no-retry-unknown
--reserve
--width
--private
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys add') candidates='--label
--account
--stdin
--env
--set
--base-url
--check
--no-check
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys list') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys check') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys enable') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys disable') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys label') candidates='--account
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys remove') candidates='-y
--yes
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys import') candidates='--check
--no-check
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'keys export') candidates='--reveal
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth login') candidates='--no-browser
--port
--client-secrets
--accept-risk
--label
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth list') candidates='--quota
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth refresh') candidates='--due
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth logout') candidates='--revoke
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth import') candidates='--provider
--check
--no-check
--accept-risk
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'oauth export') candidates='--env
--reveal
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'models') candidates='--recommended
--for
--thinking
--no-thinking
--vision
--tools
--min-context
--family
--available
--all
--refresh
--names
--share
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'models show') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'models test') candidates='--share
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits') candidates='--model
-m
--requests
-n
--tokens
--by
--watch
-w
--interval
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits why') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits reset') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits drift') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits forget') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'limits plan') candidates='--model
-m
--requests
-n
--tokens
--by
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'why') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'route') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history list') candidates='-n
--limit
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history show') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history search') candidates='-n
--limit
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history delete') candidates='--older-than
--all
-y
--yes
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'history export') candidates='--all
--format
-o
--output
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'templates') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'templates list') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'templates show') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'templates edit') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config path') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config show') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config get') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config set') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config unset') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config edit') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'config check') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'doctor') candidates='--online
--offline
--bundle
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'demo') candidates='--fast
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'completion') candidates='--install
--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
        'completion install') candidates='--json
-v
--verbose
-q
--quiet
--no-color
--config-dir
--state-dir
--help' ;;
    esac
}

_freellm_word() {
    case "$1 $2" in
        ' '0) candidates='setup
chat
serve
batch
keys
oauth
models
limits
why
route
history
templates
config
doctor
demo
completion' ;;
        'batch '0) kind=files ;;
        'keys '0) candidates='add
list
check
enable
disable
label
remove
import
export' ;;
        'keys add '0) kind=providers ;;
        'keys check '*) kind=credentials ;;
        'keys enable '*) kind=credentials ;;
        'keys disable '*) kind=credentials ;;
        'keys label '0) kind=credentials ;;
        'keys remove '*) kind=credentials ;;
        'keys import '0) kind=files ;;
        'oauth '0) candidates='login
list
refresh
logout
import
export' ;;
        'oauth login '0) candidates='gemini-cli
iflow' ;;
        'oauth refresh '*) kind=logins ;;
        'oauth logout '*) kind=logins ;;
        'oauth import '0) kind=files ;;
        'oauth export '*) kind=logins ;;
        'models '0) kind=providers; candidates='show
test' ;;
        'models show '0) kind=models ;;
        'models test '0) kind=models ;;
        'limits '0) kind=providers; candidates='why
reset
drift
forget
plan' ;;
        'limits why '0) kind=targets ;;
        'limits reset '0) kind=targets ;;
        'limits forget '0) kind=targets ;;
        'route '0) kind=names ;;
        'history '0) candidates='list
show
search
delete
export' ;;
        'history show '0) kind=conversations ;;
        'history delete '*) kind=conversations ;;
        'history export '*) kind=conversations ;;
        'templates '0) candidates='list
show
edit' ;;
        'templates show '0) kind=templates ;;
        'templates edit '0) kind=templates ;;
        'config '0) candidates='path
show
get
set
unset
edit
check' ;;
        'config get '0) kind=settings ;;
        'config set '0) kind=settings ;;
        'config unset '0) kind=settings ;;
        'completion '0) candidates='install
bash
zsh
fish
powershell' ;;
        'completion install '0) candidates='bash
zsh
fish
powershell' ;;
    esac
}

_freellm() {
    local line=${COMP_LINE:0:COMP_POINT} cur='' path place value_of candidates='' kind='' name tail
    local -a words
    read -r -a words <<< "$line"
    # The line is split anew, because bash splits words at ":" and "=", which names of models hold.
    case $line in
        *[[:space:]]) ;;
        *) cur=${words[${#words[@]} - 1]}; unset "words[${#words[@]}-1]" ;;
    esac
    COMPREPLY=()
    _freellm_path "${words[@]:1}"
    tail=$cur
    if [[ -z $value_of && $cur == --*=* ]]; then
        value_of=${cur%%=*} tail=${cur#*=}
    fi
    if [[ -n $value_of ]]; then
        _freellm_value "$path" "$value_of"
    elif [[ $cur == -* ]]; then
        _freellm_flags "$path"
    else
        _freellm_word "$path" "$place"
    fi
    case $kind in
        '') ;;
        files) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$tail")
            compopt -o filenames 2>/dev/null; return ;;
        folders) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$tail")
            compopt -o filenames 2>/dev/null; return ;;
        *) candidates="$candidates
$("${words[0]}" _complete "$kind" "$tail" 2>/dev/null)" ;;
    esac
    # Bash replaces only what follows the last of its word breaks.
    local done=${cur%"$tail"} rest='' breaks=''
    if [[ $COMP_WORDBREAKS == *:* ]]; then breaks=:; fi
    if [[ $COMP_WORDBREAKS == *=* ]]; then breaks=$breaks=; fi
    if [[ -n $breaks && $cur == *[$breaks]* ]]; then rest=${cur%"${cur##*[$breaks]}"}; fi
    while IFS=$'\t' read -r name _; do
        if [[ -n $name && $name == "$tail"* ]]; then
            name=$done$name
            COMPREPLY+=("${name#"$rest"}")
        fi
    done <<< "$candidates"
}

complete -F _freellm freellm
