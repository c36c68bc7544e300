/*
 * conns.c
 *		All HTTP connections: how many there are, and their end.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.
 */
#include "postgres.h"

#include "relay/conn_state.h"

static ErrandLink conns = {&conns, &conns};
static ErrandLink goers = {&goers, &goers}; /* those on their way out, oldest first */
static int n_conns = 0;
static int n_going = 0;
static bool leaving = false;

int
relay_conns(void)
{
	return n_conns;
}

int
relay_conns_staying(void)
{
	return n_conns - n_going;
}

void
relay_conns_add(RelayConn *c)
{
	errand_list_push(&conns, &c->node);
	n_conns++;
}

void
relay_conns_go(RelayConn *c)
{
	if (c->going)
		return;
	c->going = true;
	n_going++;
	relay_address_leave(c->address);
	c->address = NULL;
	errand_list_remove(&c->node);
	errand_list_push(&goers, &c->node);
}

void
relay_conns_drop(RelayConn *c)
{
	relay_conns_go(c);
	errand_list_remove(&c->node);
	n_going--;
	n_conns--;
}

bool
relay_conns_make_room(void)
{
	if (errand_list_empty(&goers))
		return false;
	/* what it was told has gone out, or it had its time for that */
	relay_conn_close(errand_container(goers.next, RelayConn, node));
	return true;
}

bool
relay_conns_leaving(void)
{
	return leaving;
}

void
relay_conns_leave(void)
{
	leaving = true;
	for (ErrandLink *l = conns.next, *next; l != &conns; l = next)
	{
		RelayConn *c = errand_container(l, RelayConn, node);

		next = l->next;
		if (c->state == CONN_HEAD || c->state == CONN_STREAM)
			relay_conn_close(c);
	}
}
