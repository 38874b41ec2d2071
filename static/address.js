// A page that is open at another origin than the server accepts cannot sign anyone in: it shows a link to the right one.
const notice = document.getElementById('wrong-address');
const origins = (document.body.dataset.origins ?? '').split(' ');

if (notice && !origins.includes(location.origin)) {
  notice.querySelector('a').href = origins[0] + location.pathname + location.search;
  notice.hidden = false;
}
