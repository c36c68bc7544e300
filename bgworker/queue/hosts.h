/*
 * hosts.h
 *		What the worker publishes of the hosts it talks to.
 */
#ifndef ERRAND_HOSTS_H
#define ERRAND_HOSTS_H

#include "queue/run.h"

/* Publishes running, requests and errors of each host; once a second. */
extern void errand_hosts_publish(void);

/* Adds the durations of a settled batch to its hosts' histograms. */
extern void errand_hosts_learn(ErrandRun **runs, int n);

#endif
