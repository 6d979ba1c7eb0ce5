// The functions of libcurl that we call, each handed on to libcurl.so.4, which is loaded when the
// first of them is called (decision 0030): it brings 24 more libraries (LDAP, Kerberos, RTMP,
// GnuTLS), and that took half of every command's start. Few commands ask anybody
// over HTTP. Who calls a function that is not here is told by the linker.
//
// Where the library is missing the process ends as it does for every other library: with a line
// that names it, and exit code 127.
//
// Any thread, as libcurl; it stays loaded until the process ends.
#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

// The header's macros check types in place of a declared parameter; here are the functions.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace {

constexpr int kExitNotLoaded = 127;  // as ld.so(8)

[[noreturn]] void end_without_library() {
  std::fprintf(stderr, "signalbox: libcurl cannot be used: %s\n  Debian has it as libcurl4\n",
               ::dlerror());
  std::_Exit(kExitNotLoaded);
}

// `ours` is the function of the same name here, which has the type that the header says.
template <typename Function>
Function* loaded(Function& /*ours*/, const char* name) {
  static void* const kLibrary = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  void* const found = kLibrary == nullptr ? nullptr : ::dlsym(kLibrary, name);
  if (found == nullptr) end_without_library();
  return reinterpret_cast<Function*>(found);
}

// What an option takes is told by its number's ten thousands (curl.h, CURLOPTTYPE_).
constexpr int kKinds = 10'000;
constexpr int kind_of(CURLoption option) { return static_cast<int>(option) / kKinds * kKinds; }

}  // namespace

CURL* curl_easy_init() {
  static const auto real = loaded(curl_easy_init, "curl_easy_init");
  return real();
}

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  static const auto real = loaded(curl_easy_setopt, "curl_easy_setopt");
  std::va_list rest;
  va_start(rest, option);
  CURLcode done = CURLE_OK;
  switch (kind_of(option)) {
    case CURLOPTTYPE_LONG: done = real(handle, option, va_arg(rest, long)); break;
    case CURLOPTTYPE_OFF_T: done = real(handle, option, va_arg(rest, curl_off_t)); break;
    default: done = real(handle, option, va_arg(rest, void*)); break;
  }
  va_end(rest);
  return done;
}

CURLcode curl_easy_perform(CURL* handle) {
  static const auto real = loaded(curl_easy_perform, "curl_easy_perform");
  return real(handle);
}

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  static const auto real = loaded(curl_easy_getinfo, "curl_easy_getinfo");
  std::va_list rest;
  va_start(rest, info);
  const CURLcode done = real(handle, info, va_arg(rest, void*));
  va_end(rest);
  return done;
}

const char* curl_easy_strerror(CURLcode code) {
  static const auto real = loaded(curl_easy_strerror, "curl_easy_strerror");
  return real(code);
}

void curl_easy_cleanup(CURL* handle) {
  static const auto real = loaded(curl_easy_cleanup, "curl_easy_cleanup");
  real(handle);
}

curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  static const auto real = loaded(curl_slist_append, "curl_slist_append");
  return real(list, text);
}

void curl_slist_free_all(curl_slist* list) {
  static const auto real = loaded(curl_slist_free_all, "curl_slist_free_all");
  real(list);
}

CURLM* curl_multi_init() {
  static const auto real = loaded(curl_multi_init, "curl_multi_init");
  return real();
}

CURLMcode curl_multi_add_handle(CURLM* multi, CURL* handle) {
  static const auto real = loaded(curl_multi_add_handle, "curl_multi_add_handle");
  return real(multi, handle);
}

CURLMcode curl_multi_remove_handle(CURLM* multi, CURL* handle) {
  static const auto real = loaded(curl_multi_remove_handle, "curl_multi_remove_handle");
  return real(multi, handle);
}

CURLMcode curl_multi_perform(CURLM* multi, int* running) {
  static const auto real = loaded(curl_multi_perform, "curl_multi_perform");
  return real(multi, running);
}

CURLMcode curl_multi_poll(CURLM* multi, curl_waitfd* more, unsigned more_count, int milliseconds,
                          int* ready) {
  static const auto real = loaded(curl_multi_poll, "curl_multi_poll");
  return real(multi, more, more_count, milliseconds, ready);
}

CURLMcode curl_multi_wakeup(CURLM* multi) {
  static const auto real = loaded(curl_multi_wakeup, "curl_multi_wakeup");
  return real(multi);
}

CURLMsg* curl_multi_info_read(CURLM* multi, int* left) {
  static const auto real = loaded(curl_multi_info_read, "curl_multi_info_read");
  return real(multi, left);
}

CURLMcode curl_multi_cleanup(CURLM* multi) {
  static const auto real = loaded(curl_multi_cleanup, "curl_multi_cleanup");
  return real(multi);
}
