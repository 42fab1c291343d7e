/** Labels that Compose puts on its containers, as far as we read them. */
export const COMPOSE_PROJECT = "com.docker.compose.project";
export const COMPOSE_SERVICE = "com.docker.compose.service";
export const COMPOSE_NUMBER = "com.docker.compose.container-number";
export const COMPOSE_ONEOFF = "com.docker.compose.oneoff";
