/*
 * proxies.h
 *		The proxies that hosts were given.
 */
#ifndef ERRAND_QUEUE_PROXIES_H
#define ERRAND_QUEUE_PROXIES_H

/* Reads them, with the secrets they refer to, and hands them to the network. */
extern void errand_config_proxies(void);

#endif
