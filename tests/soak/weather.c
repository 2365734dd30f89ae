/*
 * Weather for one daemon, preloaded into it: the clock of the day is off by so many seconds, and every read of a file of a
 * real file system, and every write to one, takes so many milliseconds longer. The numbers are in the file $SOAK_WEATHER,
 * which may change at any time. Sockets, pipes, /proc and cgroups are no disk, and are as fast as ever.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

struct weather {
	int64_t seconds_off;
	int64_t millis_to_read;
	int64_t millis_to_write;
};

static const volatile struct weather *weather;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SOAK_WEATHER");
	int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *weather, PROT_READ, MAP_SHARED, file, 0);

	if (file >= 0)
		close(file);
	if (map != MAP_FAILED)
		weather = map;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && weather && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += weather->seconds_off;
	return result;
}

static int is_on_disk(int file)
{
	struct stat status;
	struct statfs system;

	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || fstatfs(file, &system) != 0)
		return 0;
	/* proc, sysfs, cgroup, cgroup2 */
	return system.f_type != 0x9fa0 && system.f_type != 0x62656572 && system.f_type != 0x27e0eb &&
	       system.f_type != 0x63677270;
}

static void wait_for_disk(int file, int64_t millis)
{
	if (millis > 0 && is_on_disk(file)) {
		struct timespec wait = { millis / 1000, millis % 1000 * 1000000 };

		nanosleep(&wait, NULL);
	}
}

ssize_t read(int file, void *buffer, size_t size)
{
	if (weather)
		wait_for_disk(file, weather->millis_to_read);
	return syscall(SYS_read, file, buffer, size);
}

ssize_t write(int file, const void *buffer, size_t size)
{
	if (weather)
		wait_for_disk(file, weather->millis_to_write);
	return syscall(SYS_write, file, buffer, size);
}

int fsync(int file)
{
	if (weather)
		wait_for_disk(file, weather->millis_to_write);
	return (int)syscall(SYS_fsync, file);
}
