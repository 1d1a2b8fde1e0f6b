// Typed wrappers over OpenSSL's libcrypto for the few primitives that the project needs. Pointers to bytes, not to void:
// Swift would pass an array of anything for the latter. Fixed sizes leave nothing to get wrong at the call site.
#ifndef REGISTRY_QUERY_CLIBCRYPTO_SHIM_H
#define REGISTRY_QUERY_CLIBCRYPTO_SHIM_H

#include <limits.h>
#include <stddef.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/// Stands in for the null pointer of an empty Swift buffer, which OpenSSL reads in ways of its own.
static const unsigned char rq_no_bytes[1] = {0};

/// Writes the 32 bytes of the SHA-256 of `count` bytes to `digest`; answers 1, or 0 when OpenSSL failed.
static inline int rq_sha256(const unsigned char *_Nullable bytes, size_t count, unsigned char *_Nonnull digest) {
    return EVP_Digest(bytes ? bytes : rq_no_bytes, count, digest, NULL, EVP_sha256(), NULL) == 1;
}

/// Writes the 64 bytes of the SHA-512 of `count` bytes to `digest`; answers 1, or 0 when OpenSSL failed.
static inline int rq_sha512(const unsigned char *_Nullable bytes, size_t count, unsigned char *_Nonnull digest) {
    return EVP_Digest(bytes ? bytes : rq_no_bytes, count, digest, NULL, EVP_sha512(), NULL) == 1;
}

/// Writes the 32 bytes of the HMAC-SHA-256 of `count` bytes to `code`; answers 1, or 0 when OpenSSL failed or the key
/// is too long for it. An empty key is a key: OpenSSL takes a null pointer for "the key of the call before".
static inline int rq_hmac_sha256(
    const unsigned char *_Nullable key, size_t key_count, const unsigned char *_Nullable bytes, size_t count,
    unsigned char *_Nonnull code) {
    if (key_count > INT_MAX) {
        return 0;
    }
    const unsigned char *key_bytes = key ? key : rq_no_bytes;
    return HMAC(EVP_sha256(), key_bytes, (int)key_count, bytes ? bytes : rq_no_bytes, count, code, NULL) != NULL;
}

/// Answers 1 when `count` bytes are equal, in a time that does not depend on where they differ.
static inline int rq_equal_in_constant_time(
    const unsigned char *_Nullable left, const unsigned char *_Nullable right, size_t count) {
    return count == 0 || CRYPTO_memcmp(left, right, count) == 0;
}

#endif
