#define _GNU_SOURCE
#include "shim.h"

#include <stddef.h>

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
