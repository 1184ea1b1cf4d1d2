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

/* BIO_get_mem_data is a macro with a cast. */
static inline long copenssl_memory_bio_data(BIO *bio, char **data) {
    return BIO_get_mem_data(bio, data);
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
