/*
 * settings.h
 *		The errand.* settings.  Read anywhere, written only by settings.c.
 */
#ifndef ERRAND_SETTINGS_H
#define ERRAND_SETTINGS_H

extern int errand_workers;			  /* event-loop workers a database */
extern int errand_executors;		  /* most SQL-task processes a database */
extern int errand_executor_idle;	  /* ms */
extern int errand_max_in_flight;	  /* transfers at once a worker */
extern int errand_host_max_running;	  /* connections to one host */
extern int errand_breaker_failures;	  /* failures in a row that open a circuit, 0 off */
extern int errand_breaker_open;		  /* ms of its first opening */
extern int errand_host_hold_max;	  /* ms that a Retry-After holds a host at most, 0 off */
extern int errand_role_quota;		  /* tasks of a role that wait at most, 0 any */
extern char *errand_allow_networks;	  /* CIDRs beside the public internet */
extern int errand_max_response_bytes; /* after decompression */
extern int errand_memory_limit;		  /* kB of bodies in memory a worker */
extern int errand_lease;			  /* ms of silence of a remote worker */
extern char *errand_retention;		  /* 'succeeded=7d,failed=30d' */
extern bool errand_start_paused;
extern int errand_ring_size;	 /* events kept in shared memory */
extern int errand_max_databases; /* databases with the extension */
extern int errand_max_keys;		 /* queues, types and hosts with counters */
extern char *errand_dns_servers;
extern char *errand_ca_file; /* '' = the system's */
extern char *errand_user_agent;
extern char *errand_smtp_url;		/* '' = no e-mail */
extern char *errand_smtp_from;		/* the sender of what names none */
extern char *errand_smtp_user;		/* '' = no AUTH */
extern char *errand_smtp_secret;	/* the password: never in a variable that is shown */
extern char *errand_smtp_ca_file;	/* '' = the system's */
extern int errand_port;				/* of the relay; 0: no relay */
extern int errand_max_clients;		/* of the relay */
extern bool errand_metrics_public;	/* /metrics asks for no token */
extern char *errand_listen_address; /* of the relay: a list */
extern char *errand_allowed_origins;
extern char *errand_relay_channels; /* NOTIFY channels that the relay passes on */
extern char *errand_tls_cert;		/* '' = no TLS */
extern char *errand_tls_key;
extern char
	*errand_token_key; /* errand.token_secret; '' = no tokens.  Never in a variable that is shown */
extern bool errand_log_failures;
extern int errand_log_min_task_duration; /* ms, -1 off */
extern bool errand_notify;
extern char *errand_public_url; /* where the dashboard is seen from outside */
extern char *errand_token_key;	/* '' = no tokens; never in a variable that is shown */
extern char *errand_fault;		/* test builds only */

/* Retention as parsed from the setting, in seconds; 0 keeps for ever. */
typedef struct ErrandRetention
{
	int64 succeeded_s;
	int64 others_s;
} ErrandRetention;

extern ErrandRetention errand_retention_parsed;

#define ERRAND_TOKEN_SECRET_MIN 32 /* bytes */

/* Those of e-mail, in settings_mail.c. */
extern void errand_settings_mail_init(void);

/* Those of the relay, in settings_relay.c. */
extern void errand_settings_relay_init(void);

/* A number that changes with any of the relay's settings. */
extern uint64 errand_relay_settings_hash(void);

/* Defines every setting; called once, from _PG_init. */
extern void errand_settings_init(void);

#endif
