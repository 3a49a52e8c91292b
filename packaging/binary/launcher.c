/* The one file that people download: this program, and behind it everything that freellm needs.

   The first start unpacks that once, into a folder of the person's cache that is named after its content;
   every later start finds the folder and becomes the Python in it, a millisecond after it began. What is
   behind the program, from its end: a trailer of 64 bytes, an index, the packed files, and in front of them
   the few files that Python needs to unpack the others, stored as they are. See packaging/binary/payload.py.

   Safe to start twice at once (one unpacks, the others wait), to kill at any moment (a folder gets its name
   when it is whole) and to update (a folder is removed by a later version, unless it runs). */

#define __USE_MINGW_ANSI_STDIO 1 /* Windows: numbers and texts as C has them */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096
#define CANDIDATES 3
#define TRIES 3
#define EXIT_CONFIGURATION 3

/* What the systems do in their own ways; paths are UTF-8. Functions return 0 when they did it, and else
   leave the reason to system_reason. */
static int join(char out[PATH_SIZE], const char *folder, const char *separator, const char *name);
static FILE *system_open(const char *path, const char *mode);
static int system_own_path(char path[PATH_SIZE]);
static int system_runtime_folders(char folders[CANDIDATES][PATH_SIZE]);
static unsigned long long system_size(const char *path);
static int system_make_folder(const char *path);
static int system_make_program(const char *path);
static int system_hold_tree(const char *runtime, const char *tree);
static int system_lock(const char *path);
static void system_unlock(void);
static int system_run(char **words);
static int system_become(char **words, int argc, char **argv);
static const char *system_reason(void);

#ifdef _WIN32
#include "launcher_windows.c"
#else
#include "launcher_posix.c"
#endif

struct payload {
    char own_path[PATH_SIZE];
    char id[17];
    unsigned long long packed_at, packed_size;
    char *index; /* of the first files: a line each, of mode, offset, size, path */
};

static unsigned long long number_at(const unsigned char *bytes)
{
    unsigned long long number = 0;
    for (int i = 7; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

static int join(char out[PATH_SIZE], const char *folder, const char *separator, const char *name)
{
    int length = snprintf(out, PATH_SIZE, "%s%s%s", folder, separator, name);
    return length < 0 || length >= PATH_SIZE;
}

static int read_index(struct payload *payload, FILE *file)
{
    unsigned char trailer[64];
    if (fseek(file, -(long)sizeof trailer, SEEK_END) || fread(trailer, sizeof trailer, 1, file) != 1
        || memcmp(trailer, "freellm\1", 8))
        return 1;
    memcpy(payload->id, trailer + 8, 16);
    payload->packed_at = number_at(trailer + 40);
    payload->packed_size = number_at(trailer + 48);
    size_t size = (size_t)number_at(trailer + 32);
    payload->index = calloc(1, size + 1);
    return !payload->index || fseek(file, (long)number_at(trailer + 24), SEEK_SET)
           || fread(payload->index, 1, size, file) != size;
}

static int read_payload(struct payload *payload)
{
    FILE *file = system_open(payload->own_path, "rb");
    if (!file)
        return 1;
    int failed = read_index(payload, file);
    fclose(file);
    return failed;
}

/* One line of the index. */
struct entry {
    unsigned int mode;
    unsigned long long at, size;
    char path[PATH_SIZE];
};

static int read_entry(struct entry *entry, const char *folder, const char *line)
{
    char name[512];
    return sscanf(line, "%o %llu %llu %511[^\n]", &entry->mode, &entry->at, &entry->size, name) != 4
           || join(entry->path, folder, "/", name);
}

static int copy_bytes(FILE *from, FILE *to, unsigned long long size)
{
    static char buffer[1 << 16];
    while (size) {
        size_t part = size < sizeof buffer ? (size_t)size : sizeof buffer;
        if (fread(buffer, 1, part, from) != part || fwrite(buffer, 1, part, to) != part)
            return 1;
        size -= part;
    }
    return 0;
}

static int make_parents(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = system_make_folder(path);
        *slash = '/';
        if (failed)
            return 1;
    }
    return 0;
}

static int store_file(FILE *source, const char *folder, const char *line)
{
    struct entry entry;
    if (read_entry(&entry, folder, line) || make_parents(entry.path, strlen(folder) + 1)
        || fseek(source, (long)entry.at, SEEK_SET))
        return 1;
    FILE *file = system_open(entry.path, "wb");
    if (!file)
        return 1;
    int failed = copy_bytes(source, file, entry.size);
    failed |= fclose(file) != 0;
    return failed || ((entry.mode & 0111) && system_make_program(entry.path));
}

/* The files that Python needs to unpack the others. */
static int store_first_files(const struct payload *payload, const char *folder)
{
    FILE *source = system_open(payload->own_path, "rb");
    int failed = !source;
    for (const char *line = payload->index; !failed && *line; line = strchr(line, '\n') + 1)
        failed = store_file(source, folder, line);
    if (source)
        fclose(source);
    return failed;
}

/* Without one of them Python cannot even say what is missing; `boot.py` looks after the others. */
static int first_files_are_whole(const struct payload *payload, const char *tree)
{
    struct entry entry;
    for (const char *line = payload->index; *line; line = strchr(line, '\n') + 1)
        if (read_entry(&entry, tree, line) || system_size(entry.path) != entry.size)
            return 0;
    return 1;
}

static int unpack(const struct payload *payload, const char *runtime, const char *tree)
{
    char partial[PATH_SIZE], python[PATH_SIZE], script[PATH_SIZE], at[32], size[32];
    if (join(partial, runtime, "/new-", payload->id) || join(python, partial, "/", PYTHON)
        || join(script, partial, "/", "unpack.py") || system_make_folder(partial)
        || store_first_files(payload, partial))
        return 1;
    snprintf(at, sizeof at, "%llu", payload->packed_at);
    snprintf(size, sizeof size, "%llu", payload->packed_size);
    char *words[] = {python, "-I", "-S", "-B", "-X", "utf8", script,
                     (char *)payload->own_path, at, size, partial, (char *)tree, NULL};
    return system_run(words);
}

/* Returns only if the tree is not there, or cannot be started. */
static void become_tree(const struct payload *payload, const char *runtime, const char *tree,
                        int argc, char **argv)
{
    char python[PATH_SIZE], script[PATH_SIZE], origin[PATH_SIZE];
    if (join(python, tree, "/", PYTHON) || join(script, tree, "/", "boot.pyc")
        || join(origin, "freellm", "=", payload->own_path) || system_hold_tree(runtime, tree)
        || !first_files_are_whole(payload, tree))
        return;
    char *words[] = {python, "-I", "-S", "-B", "-X", origin, script, NULL};
    system_become(words, argc, argv);
}

static void start_in(const struct payload *payload, char *runtime, int argc, char **argv)
{
    char tree[PATH_SIZE], lock[PATH_SIZE];
    if (join(tree, runtime, "/", payload->id) || join(lock, runtime, "/", "lock"))
        return;
    become_tree(payload, runtime, tree, argc, argv);
    if (make_parents(runtime, 1) || system_make_folder(runtime))
        return;
    for (int i = 0; i < TRIES; i++) { /* Another version may remove the tree before we hold it. */
        if (system_lock(lock))
            return;
        become_tree(payload, runtime, tree, argc, argv);
        int failed = unpack(payload, runtime, tree);
        system_unlock();
        if (failed)
            return;
        become_tree(payload, runtime, tree, argc, argv);
    }
}

int main(int argc, char **argv)
{
    static struct payload payload;
    static char folders[CANDIDATES][PATH_SIZE], reasons[CANDIDATES][256];
    if (system_own_path(payload.own_path)) {
        fprintf(stderr, "freellm: cannot find its own file (on Linux, /proc must be there)\n");
        return EXIT_CONFIGURATION;
    }
    if (read_payload(&payload)) {
        fprintf(stderr, "freellm: this file is not whole, or cannot be read; download it again\n");
        return EXIT_CONFIGURATION;
    }
    int count = system_runtime_folders(folders);
    for (int i = 0; i < count; i++) {
        start_in(&payload, folders[i], argc, argv);
        snprintf(reasons[i], sizeof reasons[i], "%s", system_reason());
    }
    for (int i = 0; i < count; i++)
        fprintf(stderr, "freellm: cannot be unpacked into %s: %s\n", folders[i], reasons[i]);
    if (!count)
        fprintf(stderr, "freellm: has no folder to be unpacked into, since it knows no home\n");
    fprintf(stderr, "Let FREELLM_RUNTIME_DIR name a folder of yours with 100 MB to spare, from which "
                    "programs may be started.\n");
    return EXIT_CONFIGURATION;
}
