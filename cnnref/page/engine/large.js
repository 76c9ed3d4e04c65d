// The worker of a page with a large network: what fast.js computes is computed there.

import { fastNetwork, isLarge } from "./fast.js";
import { quicker } from "./worker.js";

quicker.network = (graph) => (isLarge(graph) ? fastNetwork(graph) : null);
