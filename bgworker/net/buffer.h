/*-------------------------------------------------------------------------
 *
 * buffer.h
 *	  Growing byte buffers, of malloc's memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_BUFFER_H
#define ERRAND_NET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-filled it is empty.  data is its owner's to free. */
typedef struct ErrandBuffer
{
	char *data;
	size_t len;
	size_t size;
} ErrandBuffer;

/* Room for size bytes and a NUL beyond them; false: out of memory. */
extern bool errand_netbuf_reserve(ErrandBuffer *b, size_t size);

/* Adds bytes, and a NUL that does not count; false: out of memory, nothing changed. */
extern bool errand_netbuf_append(ErrandBuffer *b, const void *data, size_t len);

/* Empties it for the next use; what grew large goes back to malloc. */
extern void errand_netbuf_recycle(ErrandBuffer *b);

/* Frees what it holds; it is empty then. */
extern void errand_netbuf_free(ErrandBuffer *b);

#endif /* ERRAND_NET_BUFFER_H */
