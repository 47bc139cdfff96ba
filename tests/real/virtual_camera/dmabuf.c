/* DMA buffers for libcamera's virtual cameras where the kernel offers none, as in a container.
 *
 *     gcc -shared -fPIC -o dmabuf.so dmabuf.c        and then LD_PRELOAD=dmabuf.so
 *
 * Nothing here does DMA, so plain shared memory serves: opening one of the devices that make
 * buffers gives any descriptor, asking it for a buffer gives a memfd, and announcing that the
 * processor reads or writes (DMA_BUF_IOCTL_SYNC) is answered with success.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char HEAPS[] = "/dev/dma_heap/";

static int open_or_stand_in(const char *path, int flags, mode_t mode)
{
	if (strcmp(path, "/dev/udmabuf") == 0 || strncmp(path, HEAPS, sizeof HEAPS - 1) == 0)
		return memfd_create("device", MFD_CLOEXEC);
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = mode_of(flags, rest);
	va_end(rest);
	return open_or_stand_in(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = mode_of(flags, rest);
	va_end(rest);
	return open_or_stand_in(path, flags | O_LARGEFILE, mode);
}

static int allocate(struct dma_heap_allocation_data *wish)
{
	int buffer = memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (buffer < 0 || ftruncate(buffer, wish->len) < 0)
		return -1;
	wish->fd = buffer;
	return 0;
}

int ioctl(int descriptor, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (request == UDMABUF_CREATE) {
		struct udmabuf_create *wish = argument;
		return fcntl(wish->memfd, F_DUPFD_CLOEXEC, 3);
	}
	if (request == DMA_HEAP_IOCTL_ALLOC)
		return allocate(argument);
	if (_IOC_TYPE(request) == DMA_BUF_BASE) /* also a buffer's name */
		return 0;
	return syscall(SYS_ioctl, descriptor, request, argument);
}
