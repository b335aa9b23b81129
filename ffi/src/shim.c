#define _GNU_SOURCE
#include "shim.h"

#include <semaphore.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SAME(theirs, ours) \
	_Static_assert(offsetof(struct rte_mbuf, theirs) == offsetof(struct shim_mbuf, ours), \
		       "rte_mbuf." #theirs " is elsewhere in this DPDK")

SAME(buf_addr, buf_addr);
SAME(buf_iova, buf_iova);
SAME(data_off, data_off);
SAME(refcnt, refcnt);
SAME(nb_segs, nb_segs);
SAME(port, port);
SAME(ol_flags, ol_flags);
SAME(packet_type, packet_type);
SAME(pkt_len, pkt_len);
SAME(data_len, data_len);
SAME(vlan_tci, vlan_tci);
SAME(hash.rss, rss);
SAME(hash.fdir.hi, hash_high);
SAME(vlan_tci_outer, vlan_tci_outer);
SAME(buf_len, buf_len);
SAME(pool, pool);
SAME(next, next);
SAME(tx_offload, tx_offload);
SAME(shinfo, shinfo);
SAME(priv_size, priv_size);
SAME(timesync, timesync);
SAME(dynfield1, dynfield1);
_Static_assert(sizeof(struct rte_mbuf) == sizeof(struct shim_mbuf), "rte_mbuf has another size in this DPDK");
_Static_assert(_Alignof(struct rte_mbuf) == _Alignof(struct shim_mbuf), "rte_mbuf has another alignment");
/* The Rust side writes tx_offload as one number. */
_Static_assert(RTE_MBUF_L2_LEN_OFS == 0 && RTE_MBUF_L3_LEN_OFS == 7 && RTE_MBUF_L4_LEN_OFS == 16 &&
		       RTE_MBUF_TSO_SEGSZ_OFS == 24,
	       "rte_mbuf.tx_offload is laid out differently in this DPDK");

int shim_errno(void)
{
	return rte_errno;
}

unsigned int shim_lcore_id(void)
{
	return rte_lcore_id();
}

unsigned int shim_socket_id(void)
{
	return rte_socket_id();
}

uint64_t shim_tsc(void)
{
	return rte_rdtsc();
}

int shim_link_get(uint16_t port, struct shim_link *link)
{
	struct rte_eth_link found = {0};
	int result = rte_eth_link_get_nowait(port, &found);

	link->speed_mbps = found.link_speed;
	link->up = found.link_status == RTE_ETH_LINK_UP;
	link->full_duplex = found.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return result;
}

static void (*log_sink)(uint32_t level, const char *text, size_t length);

static ssize_t log_write(void *cookie, const char *text, size_t length)
{
	(void)cookie;
	log_sink((uint32_t)rte_log_cur_msg_loglevel(), text, length);
	return (ssize_t)length;
}

int shim_log_stream(void (*sink)(uint32_t level, const char *text, size_t length))
{
	cookie_io_functions_t functions = {.write = log_write};
	FILE *stream = fopencookie(NULL, "w", functions);

	if (stream == NULL)
		return -ENOMEM;
	log_sink = sink;
	/* The stream is never closed: any thread may log until the process ends. */
	return rte_openlog_stream(stream);
}

/* Something that is done on DPDK's thread for interrupts. */
struct errand {
	int (*what)(uint16_t);
	uint16_t port;
	int result;
	int fd;
	sem_t done;
};

static void run_errand(void *arg)
{
	struct errand *errand = arg;
	eventfd_t one;

	if (eventfd_read(errand->fd, &one) == 0) {
		errand->result = errand->what(errand->port);
		sem_post(&errand->done);
	}
}

/* A source of interrupts that is readable from the start. */
static struct rte_intr_handle *source(int fd, rte_intr_callback_fn callback, void *arg)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);

	if (handle != NULL && rte_intr_fd_set(handle, fd) == 0 &&
	    rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT) == 0 &&
	    rte_intr_callback_register(handle, callback, arg) == 0)
		return handle;
	rte_intr_instance_free(handle);
	return NULL;
}

int shim_on_interrupts(int (*what)(uint16_t), uint16_t port)
{
	struct errand errand = {.what = what, .port = port, .fd = eventfd(1, EFD_CLOEXEC)};
	struct rte_intr_handle *handle = NULL;

	if (errand.fd >= 0 && sem_init(&errand.done, 0, 0) == 0)
		handle = source(errand.fd, run_errand, &errand);
	if (handle == NULL) {
		errand.result = what(port);
	} else {
		while (sem_wait(&errand.done) != 0)
			;
		rte_intr_callback_unregister_sync(handle, run_errand, &errand);
		rte_intr_instance_free(handle);
	}
	if (errand.fd >= 0)
		close(errand.fd);
	return errand.result;
}

static sem_t parked;

static void park(void *unused)
{
	(void)unused;
	sem_post(&parked);
	for (;;)
		pause();
}

void shim_park_interrupts(void)
{
	struct timespec limit;

	/* Its file and handle stay until the process ends. */
	if (sem_init(&parked, 0, 0) != 0 || clock_gettime(CLOCK_REALTIME, &limit) != 0 ||
	    source(eventfd(1, EFD_CLOEXEC), park, NULL) == NULL)
		return;
	limit.tv_sec += 1;
	while (sem_timedwait(&parked, &limit) != 0 && errno == EINTR)
		;
}

struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **into, unsigned int count)
{
	return rte_pktmbuf_alloc_bulk(pool, into, count);
}

void shim_mbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **into, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, into, count);
}

uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **from, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, from, count);
}
