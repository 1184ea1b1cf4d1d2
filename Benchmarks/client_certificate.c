/* h2load has no option for a client certificate, and our server takes no client without one.
 * Preloaded into h2load, this gives every TLS context the certificate that the environment names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdlib.h>

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method) {
  SSL_CTX *(*original)(const SSL_METHOD *) = dlsym(RTLD_NEXT, "SSL_CTX_new");
  SSL_CTX *context = original(method);
  const char *certificate = getenv("BENCH_CLIENT_CERTIFICATE");
  const char *key = getenv("BENCH_CLIENT_KEY");
  if (!context || !certificate || !key) return context;
  if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    abort();
  return context;
}
