/*
 * relay.h
 *		errand relay: WebSocket, events and the HTTP API of a database.
 */
#ifndef ERRAND_RELAY_H
#define ERRAND_RELAY_H

#include "postgres.h"

/* Its main; the Datum names its slot. */
extern PGDLLEXPORT void errand_relay_main(Datum main_arg);

#endif
