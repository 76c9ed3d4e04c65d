// Sections that only options bring: pages with one of them have this file instead of main.js, which is in it.

import { buildLearning } from "./learning.js";
import { SECTIONS } from "./main.js";
import { buildSecond } from "./second.js";
import { buildTested } from "./tested.js";

SECTIONS.push(buildSecond, buildTested, buildLearning);
