#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* EVP_EC_gen is a macro over a variadic function. */
static inline EVP_PKEY *copenssl_generate_p256(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

/* Adds one X.509v3 extension in openssl.cnf notation; X509V3_CTX holds function pointers that Swift
 * should not fill in. 1 on success. */
static inline int copenssl_add_extension(X509 *certificate, X509 *issuer, int nid,
                                         const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

/* ---- TLS ---- */

/* SSL_CTX_set_min_proto_version and ..._max_... are macros over SSL_CTX_ctrl. */
static inline int copenssl_ctx_only_tls13(SSL_CTX *ctx) {
  return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1;
}

/* The same macro. */
static inline int copenssl_ctx_from_tls12(SSL_CTX *ctx) {
  return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
}

/* The options are macros over shifts that Swift does not see. */
static inline uint64_t copenssl_no_renegotiation(void) { return SSL_OP_NO_RENEGOTIATION; }

/* A macro over SSL_CTX_ctrl. */
static inline void copenssl_ctx_set_mode(SSL_CTX *ctx, long mode) { SSL_CTX_set_mode(ctx, mode); }

/* STACK_OF accessors are macros or typed inline functions that Swift does not see. */
static inline int copenssl_general_names_count(const GENERAL_NAMES *names) {
  return sk_GENERAL_NAME_num(names);
}

/* The bytes of the index-th name if it is a URI, else NULL; they belong to `names`. */
static inline const unsigned char *copenssl_general_names_uri(const GENERAL_NAMES *names, int index,
                                                              int *length) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  if (name == NULL || name->type != GEN_URI) return NULL;
  *length = ASN1_STRING_length(name->d.uniformResourceIdentifier);
  return ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
}

/* The bytes of the index-th name if it is of the wanted kind (GEN_URI, GEN_DNS, GEN_IPADD), else
 * NULL; they belong to `names`. */
static inline const unsigned char *copenssl_general_names_bytes(const GENERAL_NAMES *names,
                                                                int index, int kind, int *length) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  if (name == NULL || name->type != kind) return NULL;
  const ASN1_STRING *string = kind == GEN_IPADD ? name->d.iPAddress : name->d.ia5;
  *length = ASN1_STRING_length(string);
  return ASN1_STRING_get0_data(string);
}

/* A macro over SSL_get1_peer_certificate in OpenSSL 3; the caller frees. */
static inline X509 *copenssl_peer_certificate(const SSL *ssl) { return SSL_get1_peer_certificate(ssl); }

/* A macro over SSL_ctrl with a cast. */
static inline int copenssl_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}
