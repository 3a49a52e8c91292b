/* Windows: Python stays a child, since a process here cannot become another program. */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define PYTHON "freellm.exe"

static HANDLE lock_handle = INVALID_HANDLE_VALUE;
static const char *refusal;

static const char *system_reason(void)
{
    static char text[256];
    if (refusal)
        return refusal;
    DWORD reason = GetLastError();
    if (!FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, reason, 0,
                        text, sizeof text, NULL))
        snprintf(text, sizeof text, "error %lu", reason);
    return text;
}

static int widen(const char *text, wchar_t wide[PATH_SIZE])
{
    return !MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, PATH_SIZE);
}

static int narrow(const wchar_t *wide, char text[PATH_SIZE])
{
    if (!WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, PATH_SIZE, NULL, NULL))
        return 1;
    for (char *byte = text; *byte; byte++)
        if (*byte == '\\')
            *byte = '/';
    return 0;
}

static FILE *system_open(const char *path, const char *mode)
{
    wchar_t wide[PATH_SIZE];
    return widen(path, wide) ? NULL : _wfopen(wide, mode[0] == 'r' ? L"rb" : L"wb");
}

static int system_own_path(char path[PATH_SIZE])
{
    wchar_t wide[PATH_SIZE];
    DWORD length = GetModuleFileNameW(NULL, wide, PATH_SIZE);
    return !length || length >= PATH_SIZE || narrow(wide, path);
}

static int add_folder(char folders[CANDIDATES][PATH_SIZE], int count, const wchar_t *variable,
                      const char *below)
{
    wchar_t wide[PATH_SIZE];
    char above[PATH_SIZE];
    DWORD length = GetEnvironmentVariableW(variable, wide, PATH_SIZE);
    if (!length || length >= PATH_SIZE || narrow(wide, above))
        return count;
    return join(folders[count], above, "/", below) ? count : count + 1;
}

/* LOCALAPPDATA is the person's alone. */
static int system_runtime_folders(char folders[CANDIDATES][PATH_SIZE])
{
    int count = add_folder(folders, 0, L"FREELLM_RUNTIME_DIR", "freellm");
    if (!count)
        count = add_folder(folders, 0, L"FREELLM_CACHE_DIR", "runtime");
    return count ? count : add_folder(folders, 0, L"LOCALAPPDATA", "freellm/Cache/runtime");
}

static int system_make_folder(const char *path)
{
    wchar_t wide[PATH_SIZE];
    refusal = NULL;
    if (widen(path, wide))
        return 1;
    if (CreateDirectoryW(wide, NULL) || GetLastError() == ERROR_ALREADY_EXISTS)
        return 0;
    DWORD reason = GetLastError(), found = GetFileAttributesW(wide);
    SetLastError(reason);
    return found == INVALID_FILE_ATTRIBUTES || !(found & FILE_ATTRIBUTE_DIRECTORY);
}

static unsigned long long system_size(const char *path)
{
    wchar_t wide[PATH_SIZE];
    WIN32_FILE_ATTRIBUTE_DATA found;
    if (widen(path, wide) || !GetFileAttributesExW(wide, GetFileExInfoStandard, &found))
        return 0;
    return (unsigned long long)found.nFileSizeHigh << 32 | found.nFileSizeLow;
}

static int system_make_program(const char *path)
{
    (void)path;
    return 0;
}

/* A folder in which a file is open can be neither renamed nor removed. */
static int system_hold_tree(const char *runtime, const char *tree)
{
    wchar_t wide[PATH_SIZE];
    char path[PATH_SIZE];
    (void)runtime;
    refusal = NULL;
    if (join(path, tree, "/", "held") || widen(path, wide))
        return 1;
    return CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL)
           == INVALID_HANDLE_VALUE;
}

static int system_lock(const char *path)
{
    wchar_t wide[PATH_SIZE];
    OVERLAPPED whole = {0};
    refusal = NULL;
    if (widen(path, wide))
        return 1;
    lock_handle = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                              NULL, OPEN_ALWAYS, 0, NULL);
    return lock_handle == INVALID_HANDLE_VALUE
           || !LockFileEx(lock_handle, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &whole);
}

static void system_unlock(void)
{
    CloseHandle(lock_handle);
}

/* Ctrl-C reaches Python too, which knows what to do; we stay to pass on how it ended. */
static BOOL WINAPI leave_it_to_python(DWORD event)
{
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

/* A child that ends when this process is ended. Returns its exit code, -1 if there was none. */
static long long run_child(wchar_t *command)
{
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    DWORD code;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    SetConsoleCtrlHandler(leave_it_to_python, TRUE);
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &start, &child))
        return -1;
    AssignProcessToJobObject(job, child.hProcess);
    ResumeThread(child.hThread);
    WaitForSingleObject(child.hProcess, INFINITE);
    return GetExitCodeProcess(child.hProcess, &code) ? (long long)code : -1;
}

/* `words`, none of which holds a quote or ends in a backslash, and then `tail` as it stands. */
static wchar_t *command_line(char **words, const wchar_t *tail)
{
    static wchar_t line[1 << 16], word[PATH_SIZE];
    size_t length = 0;
    for (; *words; words++) {
        if (widen(*words, word) || length + wcslen(word) + 4 > sizeof line / sizeof *line)
            return NULL;
        length += (size_t)swprintf(line + length, sizeof line / sizeof *line - length, L"\"%ls\" ", word);
    }
    if (length + wcslen(tail) + 1 > sizeof line / sizeof *line)
        return NULL;
    wcscpy(line + length, tail);
    return line;
}

static int system_run(char **words)
{
    wchar_t *line = command_line(words, L"");
    long long code = line ? run_child(line) : -1;
    if (code > 0)
        refusal = "unpacking failed";
    return code != 0;
}

/* What was typed after the program's name, quoted as it was. */
static const wchar_t *typed_arguments(void)
{
    const wchar_t *rest = GetCommandLineW();
    int quoted = 0;
    for (; *rest && (quoted || (*rest != L' ' && *rest != L'\t')); rest++)
        quoted ^= *rest == L'"';
    while (*rest == L' ' || *rest == L'\t')
        rest++;
    return rest;
}

static int system_become(char **words, int argc, char **argv)
{
    (void)argc, (void)argv;
    wchar_t *line = command_line(words, typed_arguments());
    long long code = line ? run_child(line) : -1;
    if (code >= 0)
        ExitProcess((UINT)code);
    return 1;
}
