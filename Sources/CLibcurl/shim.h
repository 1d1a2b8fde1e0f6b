// libcurl for Swift. Its variadic functions cannot be called from there, so there is one wrapper per type of value;
// and CURL * and CURLM * are both void *, so here they are pointers to two types of their own.

#pragma once

#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

// 7.87: CURLOPT_QUICK_EXIT; 7.85: CURLOPT_PROTOCOLS_STR; 7.80: CURLOPT_PREREQFUNCTION; 7.77: CURLOPT_CAINFO_BLOB.
#define CCURL_LEAST_VERSION 0x075700

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87.0 or newer is needed"
#endif

// Options of the type long are passed as Int.
static_assert(sizeof(long) == 8, "long is not 64 bits wide");
static_assert(sizeof(curl_off_t) >= sizeof(size_t), "a body may be longer than curl_off_t can say");

#pragma clang assume_nonnull begin

typedef struct ccurl_easy ccurl_easy;
typedef struct ccurl_multi ccurl_multi;

typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*ccurl_prerequest_callback)(
    void *context, char *_Nullable remote_address, char *_Nullable local_address, int remote_port, int local_port);

typedef curl_socket_t (*ccurl_socket_callback)(void *context, curlsocktype purpose, struct curl_sockaddr *address);

/// The version of the library that is loaded, as LIBCURL_VERSION_NUM has it.
static inline unsigned int ccurl_version(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

// MARK: Easy handles

static inline ccurl_easy *_Nullable ccurl_easy_init(void) { return (ccurl_easy *)curl_easy_init(); }

static inline void ccurl_easy_cleanup(ccurl_easy *easy) { curl_easy_cleanup((CURL *)easy); }

static inline CURLcode ccurl_easy_pause(ccurl_easy *easy, int mask) { return curl_easy_pause((CURL *)easy, mask); }

static inline CURLcode ccurl_easy_set_long(ccurl_easy *easy, CURLoption option, long value) {
    return curl_easy_setopt((CURL *)easy, option, value);
}

/// Copied by libcurl; NULL restores or clears, as the option has it.
static inline CURLcode ccurl_easy_set_string(ccurl_easy *easy, CURLoption option, const char *_Nullable value) {
    return curl_easy_setopt((CURL *)easy, option, value);
}

/// Copied by libcurl.
static inline CURLcode ccurl_easy_set_blob(ccurl_easy *easy, CURLoption option, const void *_Nullable bytes, size_t count) {
    struct curl_blob blob = {.data = (void *)(uintptr_t)(bytes ? bytes : ""), .len = count, .flags = CURL_BLOB_COPY};
    return curl_easy_setopt((CURL *)easy, option, &blob);
}

/// Not copied: the memory must outlive the handle, or the option.
static inline CURLcode ccurl_easy_set_pointer(ccurl_easy *easy, CURLoption option, void *_Nullable value) {
    return curl_easy_setopt((CURL *)easy, option, value);
}

/// Not copied: the list must outlive the handle, or the option.
static inline CURLcode ccurl_easy_set_list(
    ccurl_easy *easy, CURLoption option, struct curl_slist *_Nullable value) {
    return curl_easy_setopt((CURL *)easy, option, value);
}

/// Copied by libcurl.
static inline CURLcode ccurl_easy_set_body(ccurl_easy *easy, const void *_Nullable bytes, size_t count) {
    CURLcode result = curl_easy_setopt((CURL *)easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    const char *text = bytes ? (const char *)bytes : "";  // NULL would mean a read callback
    return result == CURLE_OK ? curl_easy_setopt((CURL *)easy, CURLOPT_COPYPOSTFIELDS, text) : result;
}

static inline CURLcode ccurl_easy_set_data_callback(
    ccurl_easy *easy, CURLoption option, ccurl_data_callback callback) {
    return curl_easy_setopt((CURL *)easy, option, callback);
}

static inline CURLcode ccurl_easy_set_prerequest_callback(ccurl_easy *easy, ccurl_prerequest_callback callback) {
    return curl_easy_setopt((CURL *)easy, CURLOPT_PREREQFUNCTION, callback);
}

static inline CURLcode ccurl_easy_set_socket_callback(ccurl_easy *easy, ccurl_socket_callback callback) {
    return curl_easy_setopt((CURL *)easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

/// Copies the bytes of an IPv4 or IPv6 address, in network order; answers how many there are, zero for another family.
static inline size_t ccurl_address_bytes(const struct curl_sockaddr *address, unsigned char *bytes) {
    // What libcurl declares as a sockaddr is as long as addrlen says.
    const char *start = (const char *)address + offsetof(struct curl_sockaddr, addr);
    if (address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
        memcpy(bytes, start + offsetof(struct sockaddr_in, sin_addr), 4);
        return 4;
    }
    if (address->family == AF_INET6 && address->addrlen >= sizeof(struct sockaddr_in6)) {
        memcpy(bytes, start + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return 16;
    }
    return 0;
}

/// A socket for the address, which libcurl connects and closes; CURL_SOCKET_BAD when there can be none.
static inline curl_socket_t ccurl_open_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static inline CURLcode ccurl_easy_get_long(ccurl_easy *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo((CURL *)easy, info, value);
}

/// The string is the handle's.
static inline CURLcode ccurl_easy_get_string(
    ccurl_easy *easy, CURLINFO info, const char *_Nullable *_Nonnull value) {
    return curl_easy_getinfo((CURL *)easy, info, value);
}

// MARK: Multi handles

static inline ccurl_multi *_Nullable ccurl_multi_init(void) { return (ccurl_multi *)curl_multi_init(); }

static inline CURLMcode ccurl_multi_cleanup(ccurl_multi *multi) { return curl_multi_cleanup((CURLM *)multi); }

static inline CURLMcode ccurl_multi_set_long(ccurl_multi *multi, CURLMoption option, long value) {
    return curl_multi_setopt((CURLM *)multi, option, value);
}

static inline CURLMcode ccurl_multi_add(ccurl_multi *multi, ccurl_easy *easy) {
    return curl_multi_add_handle((CURLM *)multi, (CURL *)easy);
}

static inline CURLMcode ccurl_multi_remove(ccurl_multi *multi, ccurl_easy *easy) {
    return curl_multi_remove_handle((CURLM *)multi, (CURL *)easy);
}

static inline CURLMcode ccurl_multi_perform(ccurl_multi *multi) {
    int running = 0;
    return curl_multi_perform((CURLM *)multi, &running);
}

static inline CURLMcode ccurl_multi_poll(ccurl_multi *multi, int milliseconds) {
    return curl_multi_poll((CURLM *)multi, NULL, 0, milliseconds, NULL);
}

/// The only function here that may be called on any thread.
static inline CURLMcode ccurl_multi_wakeup(ccurl_multi *multi) { return curl_multi_wakeup((CURLM *)multi); }

/// The next handle that came to its end, with its result; NULL when there is none.
static inline ccurl_easy *_Nullable ccurl_multi_next_done(ccurl_multi *multi, CURLcode *result) {
    int remaining = 0;
    const CURLMsg *message;
    while ((message = curl_multi_info_read((CURLM *)multi, &remaining))) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return (ccurl_easy *)message->easy_handle;
        }
    }
    return NULL;
}

#pragma clang assume_nonnull end
