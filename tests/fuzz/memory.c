/*
 * memory.c
 *		palloc() and lists, each piece from malloc(); see memory.h.
 */
#include "postgres.h"

#include "memory.h"
#include "nodes/pg_list.h"

#define PIECES 100000

static void *piece[PIECES];
static int pieces;

void *
palloc(Size size)
{
	void *p = malloc(size > 0 ? size : 1);

	if (p == NULL || pieces == PIECES)
		abort();
	piece[pieces++] = p;
	return p;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

static int
place_of(const void *p)
{
	for (int i = pieces - 1; i >= 0; i--)
		if (piece[i] == p)
			return i;
	abort();
}

void
pfree(void *p)
{
	piece[place_of(p)] = piece[pieces - 1];
	pieces--;
	free(p);
}

void *
repalloc(void *p, Size size)
{
	int at = place_of(p);

	p = realloc(p, size);
	if (p == NULL)
		abort();
	return piece[at] = p;
}

char *
pnstrdup(const char *in, Size len)
{
	char *out;

	len = strnlen(in, len);
	out = palloc(len + 1);
	memcpy(out, in, len);
	out[len] = '\0';
	return out;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

List *
lappend(List *list, void *datum)
{
	if (list == NIL)
	{
		list = palloc0(sizeof(List));
		list->type = T_List;
	}
	list->max_length = list->length + 1;
	list->elements = list->elements != NULL ?
						 repalloc(list->elements, list->max_length * sizeof(ListCell)) :
						 palloc(sizeof(ListCell));
	list->elements[list->length++].ptr_value = datum;
	return list;
}

List *
list_delete_ptr(List *list, void *datum)
{
	for (int i = 0; i < list_length(list); i++)
	{
		if (list->elements[i].ptr_value != datum)
			continue;
		list->length--;
		memmove(&list->elements[i], &list->elements[i + 1], (list->length - i) * sizeof(ListCell));
		return list->length > 0 ? list : NIL;
	}
	return list;
}

void
fuzz_forget(void)
{
	while (pieces > 0)
		free(piece[--pieces]);
}
