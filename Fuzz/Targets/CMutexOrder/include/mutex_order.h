/* Nothing to call: linking mutex_order.c is all. */
