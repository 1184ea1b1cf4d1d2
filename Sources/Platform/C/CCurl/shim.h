#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>

/* curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call. */
static inline CURLcode ccurl_set_number(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode ccurl_set_text(CURL *curl, CURLoption option, const char *text) {
  return curl_easy_setopt(curl, option, text);
}
static inline CURLcode ccurl_set_list(CURL *curl, CURLoption option, struct curl_slist *list) {
  return curl_easy_setopt(curl, option, list);
}
static inline CURLcode ccurl_set_buffer(CURL *curl, CURLoption option, char *buffer) {
  return curl_easy_setopt(curl, option, buffer);
}
/* What is uploaded: `read` is called with `context` until it returns 0. */
static inline CURLcode ccurl_set_source(
    CURL *curl, size_t (*read)(char *, size_t, size_t, void *), void *context) {
  CURLcode code = curl_easy_setopt(curl, CURLOPT_READFUNCTION, read);
  return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_READDATA, context) : code;
}
static inline long ccurl_response_code(CURL *curl) {
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  return code;
}
/* Macros with casts, which Swift cannot import. */
static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
/* What is received: `write` is called with `context` and says how much of it was taken. */
static inline CURLcode ccurl_set_sink(
    CURL *curl, size_t (*write)(char *, size_t, size_t, void *), void *context) {
  CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write);
  return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_WRITEDATA, context) : code;
}
/* `open` makes the socket for an address that was found, or refuses it. */
static inline CURLcode ccurl_set_opener(
    CURL *curl, curl_socket_t (*open)(void *, curlsocktype, struct curl_sockaddr *),
    void *context) {
  CURLcode code = curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open);
  return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, context) : code;
}
/* The address itself, 4 or 16 bytes; 0 for what is no address of IP. */
static inline int ccurl_address_bytes(const struct curl_sockaddr *address, unsigned char *bytes) {
  if (address->family == AF_INET) {
    memcpy(bytes, &((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr, 4);
    return 4;
  }
  if (address->family == AF_INET6) {
    memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr, 16);
    return 16;
  }
  return 0;
}
