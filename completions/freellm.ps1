# Completion of freellm for PowerShell. Made by scripts/gen; `freellm completion powershell` prints it.

$script:FreellmCommands = @{
    '' = @{
        Words = @('setup', 'chat', 'serve', 'batch', 'keys', 'oauth', 'models', 'limits', 'why', 'route', 'history', 'templates', 'config', 'doctor', 'demo', 'completion')
        Flags = @('--version', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'setup' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'chat' = @{
        Words = @()
        Flags = @('-m', '--model', '-s', '--system', '-o', '--option', '--temperature', '--max-tokens', '--top-p', '--top-k', '--stop', '--seed', '--think', '--stream', '--no-stream', '-x', '--extract', '--usage', '--timeout', '--private', '-a', '--attach', '--json-schema', '-t', '--template', '-p', '--param', '-c', '--continue', '--conversation', '--no-log', '--save', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '-m' = 'names'; '--model' = 'names'; '-s' = ''; '--system' = ''; '-o' = ''; '--option' = ''; '--temperature' = ''; '--max-tokens' = ''; '--top-p' = ''; '--top-k' = ''; '--stop' = ''; '--seed' = ''; '--think' = '=off minimal low medium high auto'; '--timeout' = ''; '-a' = ''; '--attach' = ''; '--json-schema' = ''; '-t' = 'templates'; '--template' = 'templates'; '-p' = ''; '--param' = ''; '--conversation' = 'conversations'; '--save' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $true
    }
    'serve' = @{
        Words = @()
        Flags = @('--host', '--port', '--token', '--profile', '--simulate', '--cors-origin', '--threads', '--drain', '--log-content', '--open', '--install-service', '--uninstall-service', '--print', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--host' = ''; '--port' = ''; '--token' = ''; '--profile' = '=game'; '--simulate' = 'simulations'; '--cors-origin' = ''; '--threads' = ''; '--drain' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'batch' = @{
        Words = @()
        Flags = @('-o', '--output', '-m', '--model', '-s', '--system', '-O', '--option', '--format', '--plan', '--resume', '--force', '--ordered', '--retry-unknown', '--no-retry-unknown', '--reserve', '--width', '--private', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '-o' = ''; '--output' = ''; '-m' = 'names'; '--model' = 'names'; '-s' = ''; '--system' = ''; '-O' = ''; '--option' = ''; '--format' = '=auto text jsonl'; '--reserve' = ''; '--width' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'keys' = @{
        Words = @('add', 'list', 'check', 'enable', 'disable', 'label', 'remove', 'import', 'export')
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'keys add' = @{
        Words = @()
        Flags = @('--label', '--account', '--stdin', '--env', '--set', '--base-url', '--check', '--no-check', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--label' = ''; '--account' = ''; '--env' = ''; '--set' = ''; '--base-url' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'providers'; Many = $false
    }
    'keys list' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'keys check' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'credentials'; Many = $true
    }
    'keys enable' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'credentials'; Many = $true
    }
    'keys disable' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'credentials'; Many = $true
    }
    'keys label' = @{
        Words = @()
        Flags = @('--account', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--account' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'credentials'; Many = $false
    }
    'keys remove' = @{
        Words = @()
        Flags = @('-y', '--yes', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'credentials'; Many = $true
    }
    'keys import' = @{
        Words = @()
        Flags = @('--check', '--no-check', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'keys export' = @{
        Words = @()
        Flags = @('--reveal', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'oauth' = @{
        Words = @('login', 'list', 'refresh', 'logout', 'import', 'export')
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'oauth login' = @{
        Words = @()
        Flags = @('--no-browser', '--port', '--client-secrets', '--accept-risk', '--label', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--port' = ''; '--client-secrets' = ''; '--label' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = '=gemini-cli iflow'; Many = $false
    }
    'oauth list' = @{
        Words = @()
        Flags = @('--quota', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'oauth refresh' = @{
        Words = @()
        Flags = @('--due', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'logins'; Many = $true
    }
    'oauth logout' = @{
        Words = @()
        Flags = @('--revoke', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'logins'; Many = $true
    }
    'oauth import' = @{
        Words = @()
        Flags = @('--provider', '--check', '--no-check', '--accept-risk', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--provider' = '=gemini-cli iflow'; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'oauth export' = @{
        Words = @()
        Flags = @('--env', '--reveal', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'logins'; Many = $true
    }
    'models' = @{
        Words = @('show', 'test')
        Flags = @('--recommended', '--for', '--thinking', '--no-thinking', '--vision', '--tools', '--min-context', '--family', '--available', '--all', '--refresh', '--names', '--share', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--for' = '=fast long-context multilingual vision reasoning lightweight story'; '--min-context' = ''; '--family' = 'families'; '--share' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'providers'; Many = $false
    }
    'models show' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'models'; Many = $false
    }
    'models test' = @{
        Words = @()
        Flags = @('--share', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--share' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'models'; Many = $false
    }
    'limits' = @{
        Words = @('why', 'reset', 'drift', 'forget', 'plan')
        Flags = @('--model', '-m', '--requests', '-n', '--tokens', '--by', '--watch', '-w', '--interval', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--model' = 'names'; '-m' = 'names'; '--requests' = ''; '-n' = ''; '--tokens' = ''; '--by' = ''; '--interval' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'providers'; Many = $false
    }
    'limits why' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'targets'; Many = $false
    }
    'limits reset' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'targets'; Many = $false
    }
    'limits drift' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'limits forget' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'targets'; Many = $false
    }
    'limits plan' = @{
        Words = @()
        Flags = @('--model', '-m', '--requests', '-n', '--tokens', '--by', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--model' = 'names'; '-m' = 'names'; '--requests' = ''; '-n' = ''; '--tokens' = ''; '--by' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'why' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'route' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'names'; Many = $false
    }
    'history' = @{
        Words = @('list', 'show', 'search', 'delete', 'export')
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'history list' = @{
        Words = @()
        Flags = @('-n', '--limit', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '-n' = ''; '--limit' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'history show' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'conversations'; Many = $false
    }
    'history search' = @{
        Words = @()
        Flags = @('-n', '--limit', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '-n' = ''; '--limit' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $true
    }
    'history delete' = @{
        Words = @()
        Flags = @('--older-than', '--all', '-y', '--yes', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--older-than' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'conversations'; Many = $true
    }
    'history export' = @{
        Words = @()
        Flags = @('--all', '--format', '-o', '--output', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--format' = '=markdown jsonl'; '-o' = ''; '--output' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'conversations'; Many = $true
    }
    'templates' = @{
        Words = @('list', 'show', 'edit')
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'templates list' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'templates show' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'templates'; Many = $false
    }
    'templates edit' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'templates'; Many = $false
    }
    'config' = @{
        Words = @('path', 'show', 'get', 'set', 'unset', 'edit', 'check')
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'config path' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'config show' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'config get' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'settings'; Many = $false
    }
    'config set' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'settings'; Many = $false
    }
    'config unset' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = 'settings'; Many = $false
    }
    'config edit' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'config check' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'doctor' = @{
        Words = @()
        Flags = @('--online', '--offline', '--bundle', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--bundle' = ''; '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'demo' = @{
        Words = @()
        Flags = @('--fast', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = ''; Many = $false
    }
    'completion' = @{
        Words = @('install')
        Flags = @('--install', '--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = '=bash zsh fish powershell'; Many = $false
    }
    'completion install' = @{
        Words = @()
        Flags = @('--json', '-v', '--verbose', '-q', '--quiet', '--no-color', '--config-dir', '--state-dir', '--help')
        Values = @{ '--config-dir' = ''; '--state-dir' = '' }
        Argument = '=bash zsh fish powershell'; Many = $false
    }
}

Register-ArgumentCompleter -Native -CommandName freellm -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.CommandElements[0].ToString()
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $path = ''
    $place = 0
    $valueOf = ''
    foreach ($word in $words) {
        if ($valueOf) { $valueOf = ''; continue }
        $here = $script:FreellmCommands[$path]
        if ($word -like '--*=*') { continue }
        if ($word -like '-*') {
            if ($here.Values.ContainsKey($word)) { $valueOf = $word }
            continue
        }
        $below = "$path $word".Trim()
        if ($place -eq 0 -and $script:FreellmCommands.ContainsKey($below)) { $path = $below }
        else { $place++ }
    }
    $here = $script:FreellmCommands[$path]
    $prefix = ''
    $tail = $wordToComplete
    if (-not $valueOf -and $wordToComplete -match '^(--[^=]+)=(.*)$') {
        $valueOf = $Matches[1]
        $prefix = "$valueOf="
        $tail = $Matches[2]
    }
    $found = @()
    $kind = ''
    if ($valueOf) { $kind = $here.Values[$valueOf] }
    elseif ($wordToComplete -like '-*') { $found = $here.Flags }
    else {
        if ($place -eq 0) { $found = $here.Words }
        if ($place -eq 0 -or $here.Many) { $kind = $here.Argument }
    }
    if ($kind -like '=*') { $found += $kind.Substring(1).Split(' ') }
    elseif ($kind) { $found += @(& $program _complete $kind $tail 2>$null) }
    $found | Where-Object { $_ -and $_.StartsWith($tail, 'OrdinalIgnoreCase') } | ForEach-Object {
        $name, $about = $_.Split("`t", 2)
        if (-not $about) { $about = $name }
        [System.Management.Automation.CompletionResult]::new("$prefix$name", $name, 'ParameterValue', $about)
    }
}
