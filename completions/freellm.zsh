#compdef freellm
# Completion of freellm for zsh. Made by scripts/gen; `freellm completion zsh` prints it.

_freellm_names() {
    local -a lines names shown
    local line
    lines=("${(@f)$(_call_program names ${(q)freellm_program} _complete ${(q)1} ${(q)PREFIX} 2>/dev/null)}")
    for line in ${lines:#}; do
        names+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  }")
    done
    if [[ "${lines[*]}" == *$'\t'* ]]; then
        compadd "${@:2}" -V names -l -d shown -a names
    else
        compadd "${@:2}" -a names
    fi
}

_freellm() {
    local freellm_program
    local context state state_descr line
    typeset -A opt_args
    : ${freellm_program:=$words[1]}
    _arguments -s -S -C \
        '--version''[Print the version; with -v, how it was built and where it lies.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'setup:From nothing to the first answer, step by step.'
                'chat:Ask a question; the answer comes as it is written.'
                'serve:Serve OpenAI, Anthropic and Gemini clients on this machine.'
                'batch:Ask many questions from a file; resumable.'
                'keys:Add, list, check and remove API keys.'
                'oauth:Log in to Gemini CLI or iFlow; list, refresh, import logins.'
                'models:What can be asked\: providers, families, contexts, limits.'
                'limits:Used, limit and reset of every key and model; what rests and why.'
                'why:What became of a request\: every target tried, and why.'
                'route:Where a request for a model would go now; nothing is sent.'
                'history:Conversations\: list, show, search, delete, export.'
                'templates:Prompts with a name, for `chat -t`.'
                'config:Show, set and check the settings, with their source.'
                'doctor:A self-test\: what is wrong, and what mends it.'
                'demo:See it work on this machine\: no key, no network.'
                'completion:Completion for bash, zsh, fish and PowerShell.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                setup) _freellm_setup ;;
                chat) _freellm_chat ;;
                serve) _freellm_serve ;;
                batch) _freellm_batch ;;
                keys) _freellm_keys ;;
                oauth) _freellm_oauth ;;
                models) _freellm_models ;;
                limits) _freellm_limits ;;
                why) _freellm_why ;;
                route) _freellm_route ;;
                history) _freellm_history ;;
                templates) _freellm_templates ;;
                config) _freellm_config ;;
                doctor) _freellm_doctor ;;
                demo) _freellm_demo ;;
                completion) _freellm_completion ;;
            esac ;;
    esac
}

_freellm_setup() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_chat() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(-m --model)'{-m,--model=}'[Alias, provider/name, family, or auto.]:MODEL: _freellm_names names' \
        '(-s --system)'{-s,--system=}'[System prompt.]:SYSTEM: ' \
        '*'{-o,--option=}'[Any request parameter.]:KEY=VALUE: ' \
        '--temperature=''[0 (dry) to 2 (wild); some take more.]:X: ' \
        '--max-tokens=''[Longest answer, in tokens.]:N: ' \
        '--top-p=''[Nucleus sampling.]:X: ' \
        '--top-k=''[Sample from the k likeliest.]:N: ' \
        '*--stop=''[Stop at this text; repeatable.]:STOP: ' \
        '--seed=''[Same seed, same answer, mostly.]:N: ' \
        '--think=''[How much to reason first.]:off:(off minimal low medium high auto)' \
        '(--stream --no-stream)'{--stream,--no-stream}'[Print as it comes, or at the end.]' \
        '(-x --extract)'{-x,--extract}'[Only the first fenced code block.]' \
        '--usage''[Who answered, tokens, time.]' \
        '--timeout=''[Seconds until an answer or an error.]:X: ' \
        '--private''[Only providers that do not train on prompts.]' \
        '*'{-a,--attach=}'[File, address, - or clipboard; repeatable.]:FILE:_files' \
        '--json-schema=''[The answer is JSON that fits this schema.]:FILE:_files' \
        '(-t --template)'{-t,--template=}'[A prompt with a name.]:NAME: _freellm_names templates' \
        '*'{-p,--param=}'[A template'\''s variable.]:NAME=VALUE: ' \
        '(-c --continue)'{-c,--continue}'[Go on with the last conversation.]' \
        '--conversation=''[Go on with this one, or begin one of this name.]:ID: _freellm_names conversations' \
        '--no-log''[Keep nothing of this.]' \
        '--save=''[Ask nothing; keep this as a template for -t.]:NAME: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:prompt: '
}

_freellm_serve() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--host=''[Address to listen on (127.0.0.1).]:HOST: ' \
        '--port=''[Port (8000); 0\: any free one.]:PORT: ' \
        '--token=''[Key that clients must send.]:KEY: ' \
        '--profile=''[Choices for one kind of client.]:game:(game)' \
        '--simulate=''[Rehearse without keys, every provider played here\: generous, tiny, free, gemini-free, groq-like, openrouter-like, nim-like, mistral-like, cerebras-like, moody, local-slow.]:PROFILE: _freellm_names simulations' \
        '*--cors-origin=''[A web page that may ask; repeatable.]:ORIGIN: ' \
        '--threads=''[Most requests answered at once.]:THREADS: ' \
        '--drain=''[Seconds that running answers get at the end.]:DRAIN: ' \
        '--log-content''[Write prompts and answers to the log.]' \
        '--open''[Show the server'\''s page in the browser.]' \
        '--install-service''[Let the system start it (systemd, launchd, Windows).]' \
        '--uninstall-service''[Stop and remove that again.]' \
        '--print''[With --install-service\: write nothing, show it.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_batch() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(-o --output)'{-o,--output=}'[Where answers go; none\: stdout.]:OUT:_files' \
        '(-m --model)'{-m,--model=}'[For rows that name none.]:MODEL: _freellm_names names' \
        '(-s --system)'{-s,--system=}'[For rows without a system message.]:SYSTEM: ' \
        '*'{-O,--option=}'[Any request parameter.]:KEY=VALUE: ' \
        '--format=''[auto, text or jsonl.]:FORMAT_:(auto text jsonl)' \
        '--plan''[Only say when it would be done.]' \
        '--resume''[Go on where it stopped.]' \
        '--force''[Overwrite the output.]' \
        '--ordered''[Answers in the input'\''s order.]' \
        '(--retry-unknown --no-retry-unknown)'{--retry-unknown,--no-retry-unknown}'[Send again what was sent before a crash and not answered.]' \
        '--reserve=''[Share of every limit that is left for others.]:20%: ' \
        '--width=''[Rows at once; 0\: as the limits allow.]:WIDTH: ' \
        '--private''[Only providers that do not train on prompts.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:in:_files'
}

_freellm_keys() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'add:Store a key\: asked for unseen, checked without spending generation quota.'
                'list:Every key, masked\: its account, source and state.'
                'check:Ask each provider whether its key is good; spends no generation quota.'
                'enable:Use a key again, and wake it if it rests.'
                'disable:Keep a key, but do not use it.'
                'label:Name a key, or say which account it belongs to.'
                'remove:Forget keys for good; asks first, so without a terminal --yes is needed.'
                'import:Take over keys from a file; known ones are skipped.'
                'export:The stored keys as a file for `keys import`; masked unless --reveal.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                add) _freellm_keys_add ;;
                list) _freellm_keys_list ;;
                check) _freellm_keys_check ;;
                enable) _freellm_keys_enable ;;
                disable) _freellm_keys_disable ;;
                label) _freellm_keys_label ;;
                remove) _freellm_keys_remove ;;
                import) _freellm_keys_import ;;
                export) _freellm_keys_export ;;
            esac ;;
    esac
}

_freellm_keys_add() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--label=''[A name of your own.]:LABEL: ' \
        '--account=''[The project or organisation whose limits the key shares.]:ACCOUNT: ' \
        '--stdin''[One key a line from a pipe.]' \
        '--env=''[Take it from this variable.]:VAR: ' \
        '*--set=''[What else it needs\: account_id=…]:NAME=VALUE: ' \
        '--base-url=''[Where it is\: a host of your own, a relay.]:URL: ' \
        '(--check --no-check)'{--check,--no-check}'[Ask the provider.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:provider: _freellm_names providers'
}

_freellm_keys_list() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_keys_check() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:key: _freellm_names credentials'
}

_freellm_keys_enable() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:key: _freellm_names credentials'
}

_freellm_keys_disable() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:key: _freellm_names credentials'
}

_freellm_keys_label() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--account=''[Whose limits it shares.]:ACCOUNT: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:key: _freellm_names credentials' \
        '2:label: '
}

_freellm_keys_remove() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:key: _freellm_names credentials'
}

_freellm_keys_import() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(--check --no-check)'{--check,--no-check}'[Ask the provider.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:file:_files'
}

_freellm_keys_export() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--reveal''[Print the keys themselves.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_oauth() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'login:Log in with a browser. What is known of the service'\''s state and terms is said first.'
                'list:Every login\: its account, project, tier and state. No token is shown.'
                'refresh:Get fresh tokens now.'
                'logout:Forget logins.'
                'import:Copy logins of Gemini CLI or LLM-API-Key-Proxy; their own files stay as they are.'
                'export:Logins as environment variables, for machines that keep no files; masked unless --reveal.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                login) _freellm_oauth_login ;;
                list) _freellm_oauth_list ;;
                refresh) _freellm_oauth_refresh ;;
                logout) _freellm_oauth_logout ;;
                import) _freellm_oauth_import ;;
                export) _freellm_oauth_export ;;
            esac ;;
    esac
}

_freellm_oauth_login() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--no-browser''[Print the address; paste the code.]' \
        '--port=''[Port of the redirect; 0\: a free one.]:PORT: ' \
        '--client-secrets=''[The OAuth client'\''s JSON.]:FILE:_files' \
        '--accept-risk''[Yes to the warning that is shown first.]' \
        '--label=''[A name of your own.]:LABEL: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:provider:(gemini-cli iflow)'
}

_freellm_oauth_list() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--quota''[Ask Google what is left, too.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_oauth_refresh() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--due''[Only those that expire soon.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:login: _freellm_names logins'
}

_freellm_oauth_logout() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--revoke''[End it at Google too, for other programs with it as well.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:login: _freellm_names logins'
}

_freellm_oauth_import() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--provider=''[gemini-cli or iflow; told by the file.]:PROVIDER:(gemini-cli iflow)' \
        '(--check --no-check)'{--check,--no-check}'[Ask the provider.]' \
        '--accept-risk''[Yes to the warning that is shown first.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:source:_files'
}

_freellm_oauth_export() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--env''[As NAME=value lines (the default).]' \
        '--reveal''[Print the tokens themselves.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:login: _freellm_names logins'
}

_freellm_models() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--recommended''[Only the good picks.]' \
        '--for=''[fast, long-context, multilingual, vision, reasoning, lightweight or story.]:USE:(fast long-context multilingual vision reasoning lightweight story)' \
        '(--thinking --no-thinking)'{--thinking,--no-thinking}'[Models that can reason first.]' \
        '--vision''[Models that see images.]' \
        '--tools''[Models that call tools.]' \
        '--min-context=''[At least this many tokens.]:N: ' \
        '--family=''[One family, whoever hosts it.]:FAMILY: _freellm_names families' \
        '--available''[You have a key for it.]' \
        '--all''[Also models that are gone.]' \
        '--refresh''[Ask the providers first.]' \
        '--names''[Ids only, one a line.]' \
        '--share=''[For test\: of a day'\''s quota at most this.]:SHARE: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'show:Everything known of one model.'
                'test:Measure how soon and how fast models answer.'
            )
            _describe -t commands command commands
             _freellm_names providers ;;
        rest)
            case $line[1] in
                show) _freellm_models_show ;;
                test) _freellm_models_test ;;
            esac ;;
    esac
}

_freellm_models_show() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:id: _freellm_names models'
}

_freellm_models_test() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--share=''[For test\: of a day'\''s quota at most this.]:SHARE: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:id: _freellm_names models'
}

_freellm_limits() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '(--model -m)'{--model=,-m}'[plan\: the model, family or alias to ask.]:MODEL: _freellm_names names' \
        '(--requests -n)'{--requests=,-n}'[plan\: how many requests.]:N: ' \
        '--tokens=''[plan\: tokens of one request, answer included.]:N: ' \
        '--by=''[plan\: when all must be sent\: 2h, 18\:00, 2026-11-22T08\:00.]:BY: ' \
        '(--watch -w)'{--watch,-w}'[Stay, and show what changes.]' \
        '--interval=''[watch\: seconds between two looks.]:X: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'why:What keeps a key, model or target from being asked.'
                'reset:Wake what rests; alone\: everything.'
                'drift:What servers said otherwise than the catalog.'
                'forget:Forget what was learned of limits.'
                'plan:When so many requests would be done.'
            )
            _describe -t commands command commands
             _freellm_names providers ;;
        rest)
            case $line[1] in
                why) _freellm_limits_why ;;
                reset) _freellm_limits_reset ;;
                drift) _freellm_limits_drift ;;
                forget) _freellm_limits_forget ;;
                plan) _freellm_limits_plan ;;
            esac ;;
    esac
}

_freellm_limits_why() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:target: _freellm_names targets'
}

_freellm_limits_reset() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:target: _freellm_names targets'
}

_freellm_limits_drift() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_limits_forget() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:name: _freellm_names targets'
}

_freellm_limits_plan() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(--model -m)'{--model=,-m}'[plan\: the model, family or alias to ask.]:MODEL: _freellm_names names' \
        '(--requests -n)'{--requests=,-n}'[plan\: how many requests.]:N: ' \
        '--tokens=''[plan\: tokens of one request, answer included.]:N: ' \
        '--by=''[plan\: when all must be sent\: 2h, 18\:00, 2026-11-22T08\:00.]:BY: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_why() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:request: '
}

_freellm_route() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:model: _freellm_names names'
}

_freellm_history() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'list:The latest conversations, newest first.'
                'show:A conversation, whole; without an id the last one.'
                'search:Messages that hold all the words, newest first.'
                'delete:Forget conversations for good; asks first, so without a terminal --yes is needed.'
                'export:Conversations as one text, to keep or to take along.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                list) _freellm_history_list ;;
                show) _freellm_history_show ;;
                search) _freellm_history_search ;;
                delete) _freellm_history_delete ;;
                export) _freellm_history_export ;;
            esac ;;
    esac
}

_freellm_history_list() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(-n --limit)'{-n,--limit=}'[At most so many.]:LIMIT: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_history_show() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:id: _freellm_names conversations'
}

_freellm_history_search() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '(-n --limit)'{-n,--limit=}'[At most so many.]:LIMIT: ' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:words: '
}

_freellm_history_delete() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--older-than=''[Not used for so long\: 12h, 30d, 2w.]:TIME: ' \
        '--all''[Every conversation.]' \
        '(-y --yes)'{-y,--yes}'[Do not ask.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:id: _freellm_names conversations'
}

_freellm_history_export() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--all''[Every conversation.]' \
        '--format=''[markdown or jsonl.]:FORMAT:(markdown jsonl)' \
        '(-o --output)'{-o,--output=}'[A new file; else stdout.]:FILE:_files' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '*:id: _freellm_names conversations'
}

_freellm_templates() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'list:Every template\: yours, and those that come with freellm.'
                'show:A template'\''s text and its variables.'
                'edit:Make or change a template in your editor; a broken one is refused and the old one stays.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                list) _freellm_templates_list ;;
                show) _freellm_templates_show ;;
                edit) _freellm_templates_edit ;;
            esac ;;
    esac
}

_freellm_templates_list() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_templates_show() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:name: _freellm_names templates'
}

_freellm_templates_edit() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:name: _freellm_names templates'
}

_freellm_config() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'path:Where the files are.'
                'show:Every setting that is not at its default, and where it is from.'
                'get:One value, or all that a table such as aliases holds.'
                'set:Change a value; your comments stay.'
                'unset:Back to the default.'
                'edit:Open the file in your editor; a broken edit is refused and the old file stays.'
                'check:Read the file as every command does, and say what is wrong with it.'
            )
            _describe -t commands command commands ;;
        rest)
            case $line[1] in
                path) _freellm_config_path ;;
                show) _freellm_config_show ;;
                get) _freellm_config_get ;;
                set) _freellm_config_set ;;
                unset) _freellm_config_unset ;;
                edit) _freellm_config_edit ;;
                check) _freellm_config_check ;;
            esac ;;
    esac
}

_freellm_config_path() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_config_show() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_config_get() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:key: _freellm_names settings'
}

_freellm_config_set() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:key: _freellm_names settings' \
        '2:value: '
}

_freellm_config_unset() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:key: _freellm_names settings'
}

_freellm_config_edit() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_config_check() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_doctor() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--online''[Also reach each provider; compare clocks.]' \
        '--offline''[Send nothing\: no key check.]' \
        '--bundle=''[Also write a report that is safe to publish.]:FILE:_files' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_demo() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--fast''[Without pauses.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]'
}

_freellm_completion() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S -C \
        '--install''[Put it where the shell looks for it.]' \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:command:->word' \
        '*::argument:->rest'
    case $state in
        word)
            local -a commands
            commands=(
                'install:Put it where your shell looks for it.'
            )
            _describe -t commands command commands
            compadd -- bash zsh fish powershell ;;
        rest)
            case $line[1] in
                install) _freellm_completion_install ;;
            esac ;;
    esac
}

_freellm_completion_install() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -s -S \
        '--json''[Print JSON, for scripts.]' \
        '(-v --verbose)'{-v,--verbose}'[Say more on stderr.]' \
        '(-q --quiet)'{-q,--quiet}'[Say nothing on stderr but errors.]' \
        '--no-color''[No colours (NO_COLOR works too).]' \
        '--config-dir=''[Folder of config.toml and credentials.toml.]:DIR:_files -/' \
        '--state-dir=''[Folder of the ledger and history.]:DIR:_files -/' \
        '(- *)'{-h,--help}'[Show help and exit.]' \
        '1:shell:(bash zsh fish powershell)'
}

# Read by `compinit` from a folder of $fpath this file is the function; sourced, it registers itself.
if [[ ${funcstack[1]} == _freellm ]]; then
    _freellm "$@"
else
    compdef _freellm freellm
fi
