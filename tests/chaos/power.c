/* Notes what a program writes to the files of one folder and when it syncs them, so that a power loss can be played:
 *
 *     cc -shared -fPIC -O1 -o power.so power.c -ldl
 *     LD_PRELOAD=power.so POWER_FOLDER=/the/folder/ POWER_JOURNAL=/a/file program
 *
 * A record of the journal: kind (1 byte: w write, t truncate, s sync, u unlink), the path's length (u16), the offset
 * (u64), the data's length (u32), path, data; numbers as the machine has them. It is written when the call has been made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int journal = -1;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("POWER_JOURNAL");
    folder = getenv("POWER_FOLDER");
    if (name && folder) journal = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint32_t length) {
    unsigned char head[15];
    uint16_t path_length = (uint16_t)strlen(path);
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &path_length, 2);
    memcpy(head + 3, &offset, 8);
    memcpy(head + 11, &length, 4);
    struct iovec parts[3] = {{head, 15}, {(void *)path, path_length}, {(void *)data, length}};
    if (writev(journal, parts, 3) != 15 + path_length + (ssize_t)length) abort();
}

/* The path of a descriptor if it lies in the folder, else NULL. */
static const char *ours(int fd, char *path) {
    if (journal < 0) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0) return NULL;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0 ? path : NULL;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define PATH char buffer[4096]; const char *path

#define PWRITE(name, off)                                                          \
    ssize_t name(int fd, const void *data, size_t length, off offset) {            \
        REAL(name);                                                                \
        ssize_t done = real(fd, data, length, offset);                             \
        PATH;                                                                      \
        if (done > 0 && (path = ours(fd, buffer))) note('w', path, (uint64_t)offset, data, (uint32_t)done); \
        return done;                                                               \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    ssize_t done = real(fd, data, length);
    PATH;
    if (done > 0 && fd > 2 && (path = ours(fd, buffer)))
        note('w', path, (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), data, (uint32_t)done);
    return done;
}

#define TRUNCATE(name, off)                                                        \
    int name(int fd, off length) {                                                 \
        REAL(name);                                                                \
        int done = real(fd, length);                                               \
        PATH;                                                                      \
        if (done == 0 && (path = ours(fd, buffer))) note('t', path, (uint64_t)length, "", 0); \
        return done;                                                               \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                 \
    int name(int fd) {                                                             \
        REAL(name);                                                                \
        int done = real(fd);                                                       \
        PATH;                                                                      \
        if (done == 0 && (path = ours(fd, buffer))) note('s', path, 0, "", 0);     \
        return done;                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *name) {
    REAL(unlink);
    int done = real(name);
    if (done == 0 && journal >= 0 && strncmp(name, folder, strlen(folder)) == 0) note('u', name, 0, "", 0);
    return done;
}
