/*-------------------------------------------------------------------------
 *
 * list.h
 *	  Intrusive doubly linked rings for bgworker/net.
 *
 * A link that is in no list points to itself, so removing it twice is
 * harmless.  PostgreSQL's ilist.h would do, but nothing here may include its
 * headers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_LIST_H
#define ERRAND_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ErrandLink
{
	struct ErrandLink *prev;
	struct ErrandLink *next;
} ErrandLink;

#define errand_container(ptr, type, member) ((type *) ((char *) (ptr) -offsetof(type, member)))

static inline void
errand_list_init(ErrandLink *list)
{
	list->prev = list->next = list;
}

static inline bool
errand_list_empty(const ErrandLink *list)
{
	return list->next == list;
}

/* Put item, which is in no list, between prev and prev->next. */
static inline void
errand_list_insert(ErrandLink *prev, ErrandLink *item)
{
	item->prev = prev;
	item->next = prev->next;
	prev->next->prev = item;
	prev->next = item;
}

static inline void
errand_list_push(ErrandLink *list, ErrandLink *item)
{
	errand_list_insert(list->prev, item);
}

static inline void
errand_list_push_front(ErrandLink *list, ErrandLink *item)
{
	errand_list_insert(list, item);
}

static inline void
errand_list_remove(ErrandLink *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	errand_list_init(item);
}

/* Take the first item off, NULL if there is none. */
static inline ErrandLink *
errand_list_pop(ErrandLink *list)
{
	ErrandLink *item = list->next;

	if (item == list)
		return NULL;
	errand_list_remove(item);
	return item;
}

#endif /* ERRAND_NET_LIST_H */
