/* Linux and macOS. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#define PYTHON "bin/freellm"

static int lock_fd = -1;
static const char *refusal; /* A reason of our own, where errno has none. */

static const char *system_reason(void)
{
    return refusal ? refusal : strerror(errno);
}

static FILE *system_open(const char *path, const char *mode)
{
    return fopen(path, mode);
}

static int system_own_path(char path[PATH_SIZE])
{
#ifdef __APPLE__
    char found[PATH_SIZE];
    uint32_t size = sizeof found;
    return _NSGetExecutablePath(found, &size) || !realpath(found, path);
#else
    ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE - 1);
    if (length < 0)
        return 1;
    path[length] = 0;
    return 0;
#endif
}

static const char *home_folder(void)
{
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return home;
    struct passwd *person = getpwuid(getuid()); /* A cron job, a container. */
    return person && person->pw_dir[0] == '/' ? person->pw_dir : NULL;
}

static int add_folder(char folders[CANDIDATES][PATH_SIZE], int count, const char *above,
                      const char *below)
{
    if (!above || above[0] != '/')
        return count;
    return join(folders[count], above, "/", below) ? count : count + 1;
}

/* The folder that the person names, or one in freellm's cache (`storage.paths`); where that cannot be used,
   one in the folder that the system gives a session and takes away with it. */
static int system_runtime_folders(char folders[CANDIDATES][PATH_SIZE])
{
    int count = add_folder(folders, 0, getenv("FREELLM_RUNTIME_DIR"), "freellm");
    if (count)
        return count;
    count = add_folder(folders, 0, getenv("FREELLM_CACHE_DIR"), "runtime");
    if (!count)
        count = add_folder(folders, 0, getenv("XDG_CACHE_HOME"), "freellm/runtime");
    if (!count)
#ifdef __APPLE__
        count = add_folder(folders, 0, home_folder(), "Library/Caches/freellm/runtime");
#else
        count = add_folder(folders, 0, home_folder(), ".cache/freellm/runtime");
#endif
    return add_folder(folders, count, getenv("XDG_RUNTIME_DIR"), "freellm/runtime");
}

static int system_make_folder(const char *path)
{
    refusal = NULL;
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    /* A folder that is there in a file system that cannot be written says so before it says EEXIST. */
    int reason = errno;
    struct stat found;
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return 0;
    errno = reason;
    return 1;
}

static int system_make_program(const char *path)
{
    return chmod(path, 0700);
}

static unsigned long long system_size(const char *path)
{
    struct stat found;
    return stat(path, &found) ? 0 : (unsigned long long)found.st_size;
}

/* Programs are started from there: nobody else may have put them into it. */
static int is_ours(const char *path)
{
    struct stat found;
    if (lstat(path, &found))
        return 0;
    if (S_ISDIR(found.st_mode) && found.st_uid == geteuid() && !(found.st_mode & 022))
        return 1;
    refusal = "it belongs to somebody else, or others may write to it";
    return 0;
}

/* Whoever removes old trees takes this lock alone, and leaves the tree that somebody holds. The lock stays
   with the process that this one becomes. */
static int system_hold_tree(const char *runtime, const char *tree)
{
    char path[PATH_SIZE];
    struct stat held, there;
    refusal = NULL;
    if (!is_ours(runtime) || !is_ours(tree) || join(path, tree, "/", "held"))
        return 1;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 1;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 && fstat(fd, &held) == 0 && stat(path, &there) == 0
        && held.st_ino == there.st_ino)
        return 0;
    close(fd);
    return 1;
}

static int system_lock(const char *path)
{
    char folder[PATH_SIZE];
    refusal = NULL;
    strcpy(folder, path);
    *strrchr(folder, '/') = 0;
    if (!is_ours(folder))
        return 1;
    lock_fd = open(path, O_RDWR | O_CREAT, 0600);
    if (lock_fd < 0)
        return 1;
    while (flock(lock_fd, LOCK_EX))
        if (errno != EINTR)
            return 1;
    return 0;
}

static void system_unlock(void)
{
    close(lock_fd);
}

static int system_run(char **words)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0) {
        execv(words[0], words);
        _exit(errno == EACCES ? 126 : 127);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    refusal = WIFEXITED(status) && WEXITSTATUS(status) == 126
                  ? "programs may not be started from there"
                  : "unpacking failed";
    return 1;
}

static int system_become(char **words, int argc, char **argv)
{
    int count = 0;
    while (words[count])
        count++;
    char **all = calloc((size_t)(count + argc), sizeof *all);
    if (!all)
        return 1;
    memcpy(all, words, (size_t)count * sizeof *all);
    for (int i = 1; i < argc; i++)
        all[count + i - 1] = argv[i];
    execv(all[0], all);
    free(all);
    return 1;
}
