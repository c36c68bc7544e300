/*-------------------------------------------------------------------------
 *
 * handles.h
 *	  How many libuv handles of bgworker/net are not closed yet.
 *
 * libuv closes a handle some turns after uv_close(), and its memory must stay
 * until then.  Everyone who makes a handle counts it here, so that the net can
 * be freed when the last one is gone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_HANDLES_H
#define ERRAND_NET_HANDLES_H

typedef struct ErrandHandles
{
	int open;
	void (*none)(struct ErrandHandles *handles); /* NULL: not asked */
} ErrandHandles;

static inline void
errand_handle_opened(ErrandHandles *handles)
{
	handles->open++;
}

/* The last thing a close callback does: the net may be gone afterwards. */
static inline void
errand_handle_closed(ErrandHandles *handles)
{
	if (--handles->open == 0 && handles->none)
		handles->none(handles);
}

#endif /* ERRAND_NET_HANDLES_H */
