"""What a deployment needs and costs: prices, throughputs, a simulation of its queues."""
